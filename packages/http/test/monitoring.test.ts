import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskyardError } from '@taskyard/core'
import { startApi } from './start-api.ts'

const UNHEALTHY = { healthy: false, latencyMs: 1, sizeBytes: null }

test('probes answer 200 while the server can serve', async (context) => {
  const { get } = await startApi(context)
  for (const path of ['/livez', '/ready', '/readyz', '/health']) assert.equal((await get(path)).statusCode, 200, path)
})

test('readiness is 503 with the reason when the engine cannot serve, liveness stays', async (context) => {
  const { get, engine } = await startApi(context)
  await engine.stop()
  for (const path of ['/ready', '/readyz']) {
    const response = await get(path)
    assert.equal(response.statusCode, 503)
    assert.equal(response.json().code, 'store_unavailable')
    assert.ok(Number(response.headers['retry-after']) > 0)
  }
  assert.equal((await get('/livez')).statusCode, 200)
  const health = await get('/health')
  assert.equal(health.statusCode, 200)
  assert.equal(health.json().status, 'unhealthy')
})

test('readiness says once what the store says, under its code', async (context) => {
  const { get, store } = await startApi(context)
  for (const code of ['store_full', 'store_read_only', 'store_unavailable'] as const) {
    const cause = new TaskyardError(code, { reason: 'tasks.db: it is so' })
    Object.assign(store.lifecycle, { health: async () => ({ ...UNHEALTHY, code, reason: cause.message }) })
    const problem = (await get('/ready')).json()
    assert.deepEqual([problem.code, problem.detail, problem.definite], [code, cause.message, cause.definite])
  }
  for (const code of [undefined, 'internal'] as const) {
    Object.assign(store.lifecycle, { health: async () => ({ ...UNHEALTHY, code, reason: 'there is little left' }) })
    const response = await get('/ready')
    assert.equal(response.statusCode, 503)
    const { code: told, detail } = response.json()
    assert.deepEqual([told, detail], ['store_unavailable', 'The store cannot serve: there is little left'])
  }
})

test('health reports each dependency by name', async (context) => {
  const { get } = await startApi(context)
  const health = (await get('/health')).json()
  assert.equal(health.status, 'healthy')
  assert.equal(health.sqlite, 'connected')
  assert.equal(health.dependencies.store.kind, 'sqlite')
  assert.equal(health.dependencies.store.status, 'connected')
})

test('health names every background loop, with its interval and how it fares', async (context) => {
  const { get, engine } = await startApi(context)
  const { services } = (await get('/health')).json()
  const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name)
  assert.deepEqual(names(services), names(engine.loops()))
  const sweeper = services.find(({ name }: { name: string }) => name === 'sweeper')
  assert.deepEqual(
    [sweeper.intervalSeconds, sweeper.healthy, sweeper.failingSince, sweeper.reason],
    [1, true, null, null],
  )
})

test('info tells version, stack, durability and limits', async (context) => {
  const { get } = await startApi(context)
  const info = (await get('/api/v1/info')).json()
  assert.equal(info.version, '9.9.9')
  assert.equal(info.nodeId, 'test-node')
  assert.deepEqual(info.stack, { store: 'sqlite' })
  assert.match(info.durability, /synced/)
  assert.equal(info.limits.batch, 1000)
})

test('the latency of the store is told to the microsecond', async (context) => {
  const { store, get } = await startApi(context)
  const health = { healthy: true, latencyMs: 1.4473419999994803, reason: null, sizeBytes: null }
  Object.assign(store.lifecycle, { health: async () => health })
  assert.equal((await get('/health')).json().dependencies.store.latencyMs, 1.447)
})

test('queues tell counts, age and pause', async (context) => {
  const { get, post, submit } = await startApi(context)
  await submit({ type: 't', queue: 'mail' })
  const queue = (await get('/api/v1/queues/mail')).json()
  assert.equal(queue.counts.queued, 1)
  assert.equal(queue.paused, false)
  assert.equal(typeof queue.oldestReadyAgeSeconds, 'number')
  assert.deepEqual((await post('/api/v1/queues/mail/pause')).json(), { queue: 'mail', paused: true })
  const claim = { workerId: 'w', queues: ['mail'], limit: 1 }
  assert.deepEqual((await post('/api/v1/leases', claim)).json().tasks, [])
  const { queues } = (await get('/api/v1/queues')).json()
  assert.equal(queues.find((one: { queue: string }) => one.queue === 'mail').paused, true)
  assert.deepEqual((await post('/api/v1/queues/mail/resume')).json(), { queue: 'mail', paused: false })
  assert.equal((await post('/api/v1/leases', claim)).json().tasks.length, 1)
})

test('an unknown queue is 404', async (context) => {
  const { get } = await startApi(context)
  const response = await get('/api/v1/queues/nowhere')
  assert.equal(response.statusCode, 404)
  assert.equal(response.json().code, 'queue_not_found')
})
