import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEvents } from '../src/server-sent-events.ts'

/** The bytes of a text, so many at a time. */
function inChunks(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text)
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, at + size))
      at += size
    },
  })
}

test('the work for an event grows with its length, not with that and the number of pieces that it comes in', async () => {
  const data = 'x'.repeat(8_000_000)
  // Searching all that has come again for each piece would take half an hour.
  const [event] = await Array.fromAsync(readEvents(inChunks(`data: ${data}\n\n`, 16)))
  assert.equal(event?.data.length, data.length)
})

test('a line without end is given up', async () => {
  const lines = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1_000_000).fill(0x61)) })
  await assert.rejects(Array.fromAsync(readEvents(lines)), RangeError)
})
