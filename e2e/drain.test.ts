import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

describe('a server that is told to stop', () => {
  it('refuses new work and answers everything else until its running tasks have ended', async () => {
    const env = { TASKYARD_DRAIN_SECONDS: '600' }
    const server = await startServerProcess({ store: join(folder.path, 'drain.db'), env })
    const call = callerOf(server.url)
    const { id } = (await call('POST', '/api/v1/tasks', { type: 'test', payload: { delayMs: 60_000 } })).body
    while ((await call('GET', `/api/v1/tasks/${id}`)).body.status !== 'running');
    await call('POST', '/api/v1/tasks', { type: 'remote', queue: 'remote', payload: 1 })
    const claim = { workerId: 'w1', queues: ['remote'], limit: 1 }
    const [leased] = (await call('POST', '/api/v1/leases', claim)).body.tasks
    const lease = { taskId: leased.id, token: leased.lease.token }

    server.child.kill('SIGTERM')
    const submission = { type: 'test', payload: {} }
    while ((await call('POST', '/api/v1/tasks', submission)).status === 202);
    for (const [path, body] of [
      ['/api/v1/tasks', submission],
      ['/api/v1/tasks/batch', { tasks: [submission] }],
      ['/tasks', submission],
      ['/api/v1/leases', claim],
    ] as const) {
      const refusal = await call('POST', path, body)
      assert.deepEqual([refusal.status, refusal.body.code], [503, 'shutting_down'], path)
    }
    assert.equal((await call('GET', '/livez')).status, 200)
    assert.equal((await call('GET', '/readyz')).status, 503)
    assert.equal((await call('GET', '/api/v1/queues')).status, 200)
    assert.equal((await call('GET', `/api/v1/tasks/${lease.taskId}?waitSeconds=30`)).body.status, 'running')
    const ok = { results: [{ taskId: lease.taskId, status: 'ok' }] }
    assert.deepEqual((await call('POST', '/api/v1/leases/heartbeat', { leases: [lease] })).body, ok)
    assert.deepEqual((await call('POST', '/api/v1/leases/record', { entries: [{ ...lease, log: 'x' }] })).body, ok)
    const outcomes = [{ ...lease, outcome: 'succeeded', result: 1 }]
    const settled = await call('POST', '/api/v1/leases/settle', { outcomes, claim })
    const results = [{ taskId: lease.taskId, status: 'ok', taskStatus: 'succeeded' }]
    assert.deepEqual(settled.body, { results, tasks: [] })
    assert.equal((await call('POST', `/api/v1/tasks/${id}/cancel`)).status, 200)
    assert.equal((await server.ended).code, 0)
  })

  it('does not wait for requests that do not arrive', async () => {
    const env = { TASKYARD_DRAIN_SECONDS: '600' }
    const server = await startServerProcess({ store: join(folder.path, 'arrive.db'), env })
    const { hostname, port } = new URL(server.url)
    const sockets = []
    for (const begin of [
      'GET /livez HTTP/1.1\r\nhost',
      'POST /api/v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"type"',
    ]) {
      const socket = connect(Number(port), hostname).on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(begin)
      sockets.push(socket)
    }
    await fetch(`${server.url}/livez`)
    const since = performance.now()
    assert.equal((await server.stop('SIGTERM')).code, 0)
    // The time a whole request may take to arrive is 60 s.
    assert.ok(performance.now() - since < 40_000, `it took ${performance.now() - since} ms`)
    for (const socket of sockets) socket.destroy()
  })
})

function callerOf(url: string) {
  // biome-ignore lint/suspicious/noExplicitAny: the tests look at documents as any client would
  return async (method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(url + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: response.status, body: await response.json() }
  }
}
