import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ResponseReader } from '../load/response-reader.ts'

const response = 'HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nContent-Length: 13\r\n\r\n{"id":"abcd"}'

describe('the response reader', () => {
  it('reads a response however its bytes are cut', () => {
    for (let cut = 1; cut < response.length; cut++) {
      const reader = new ResponseReader()
      assert.equal(read(reader, response.slice(0, cut)), null, `cut at ${cut}`)
      assert.equal(read(reader, response.slice(cut))?.status, 202, `cut at ${cut}`)
    }
  })

  it('reads one response after the other', () => {
    const reader = new ResponseReader()
    assert.equal(read(reader, response)?.status, 202)
    assert.equal(read(reader, response.replace('202', '503'))?.status, 503)
  })

  it('reads a body of many chunks', () => {
    const reader = new ResponseReader()
    assert.equal(read(reader, `HTTP/1.1 202 Accepted\r\ncontent-length: 9000\r\n\r\n${'x'.repeat(3000)}`), null)
    assert.equal(read(reader, 'x'.repeat(3000)), null)
    assert.equal(read(reader, 'x'.repeat(3000))?.status, 202)
  })

  it('refuses bytes after the end of a response', () => {
    assert.throws(() => read(new ResponseReader(), `${response}HTTP/1.1`), /8 bytes after the end/)
  })

  it('refuses a response whose length is not said', () => {
    const chunked = 'HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n'
    assert.throws(() => read(new ResponseReader(), chunked), /without Content-Length/)
  })
})

function read(reader: ResponseReader, text: string): { status: number } | null {
  return reader.read(Buffer.from(text), Buffer.byteLength(text))
}
