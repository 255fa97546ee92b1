import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { runLoad } from '../load/run-load.ts'

const load = {
  path: '/api/v1/tasks',
  body: '{"type":"bench","payload":1}',
  connections: 5,
  warmupSeconds: 0,
  seconds: 1,
}

describe('the load generator', () => {
  it('sends exactly as many requests as asked and counts every answer', async () => {
    const seen: string[] = []
    const server = await listen((body) => {
      seen.push(body)
      return 202
    })
    const result = await runLoad({ ...load, port: portOf(server), status: 202, requests: 123 })
    await close(server)
    assert.equal(result.answered, 123)
    assert.deepEqual(seen, Array(123).fill(load.body))
    assert.ok(result.p50Ms > 0 && result.p50Ms <= result.p99Ms && result.p99Ms <= result.maxMs)
  })

  it('counts in all what the server saw, warm-up included', async () => {
    let seen = 0
    const server = await listen(() => {
      seen += 1
      return 202
    })
    const result = await runLoad({ ...load, port: portOf(server), status: 202, warmupSeconds: 0.2, seconds: 0.2 })
    await close(server)
    assert.equal(result.answeredInAll, seen)
    assert.ok(result.answered > 0 && result.answered < seen)
  })

  it('fails when a single answer has another status', async () => {
    let seen = 0
    const server = await listen(() => (++seen === 60 ? 503 : 202))
    const run = runLoad({ ...load, port: portOf(server), status: 202, requests: 100 })
    await assert.rejects(run, /1 answers were not 202: HTTP\/1.1 503/)
    await close(server)
  })
})

async function listen(statusOf: (body: string) => number): Promise<Server> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = '{"id":"some"}'
    response.writeHead(statusOf(Buffer.concat(chunks).toString()), { 'content-length': body.length }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
