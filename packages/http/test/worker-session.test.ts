import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEvents } from './event-source.ts'
import { startApi } from './start-api.ts'

test('a session tells its grace first, then cancel requests at once', async (context) => {
  const { listen, post, submit, claim } = await startApi(context)
  const base = await listen()
  const session = await openEvents(context, `${base}/api/v1/workers/w1/session?queues=default&types=a,b&concurrency=10`)
  assert.deepEqual(await session.next(), { event: 'ready', id: null, data: { graceSeconds: 5, pingSeconds: 2 } })
  const id = await submit({ type: 'a' })
  await claim('w1')
  await post(`/api/v1/tasks/${id}/cancel`)
  assert.deepEqual(await session.next(), { event: 'cancel', id: null, data: { taskId: id } })
})

test('a session has a comment line as often as it says', async (context) => {
  const { listen } = await startApi(context, { limits: { sessionPingMs: 20 } })
  const session = await openEvents(context, `${await listen()}/api/v1/workers/w1/session?queues=default`)
  assert.deepEqual((await session.next())?.data, { graceSeconds: 5, pingSeconds: 0.02 })
  assert.equal(await session.comment(), ': ping')
})

test('workers tell who is connected and what they run', async (context) => {
  const { listen, get } = await startApi(context)
  const base = await listen()
  const session = await openEvents(
    context,
    `${base}/api/v1/workers/w1/session?queues=default,mail&types=a,b&concurrency=10`,
  )
  await session.next()
  const [worker] = (await get('/api/v1/workers')).json().workers
  assert.match(worker.connectedAt, /^\d{4}-/)
  const expected = {
    workerId: 'w1',
    queues: ['default', 'mail'],
    types: ['a', 'b'],
    concurrency: 10,
    connected: true,
    watched: true,
    embedded: false,
    leases: 0,
    connectedAt: worker.connectedAt,
    seenAt: worker.seenAt,
  }
  assert.deepEqual(worker, expected)
})

test('the leases of a worker whose session broke end after the grace', async (context) => {
  const { listen, get, submit, claim } = await startApi(context, { engine: { sessionGraceSeconds: 0.05 } })
  const base = await listen()
  const session = await openEvents(context, `${base}/api/v1/workers/w1/session?queues=default`)
  await session.next()
  const id = await submit({ type: 'a' })
  await claim('w1')
  session.close()
  const again = await claim('w2')
  assert.equal(again.id, id)
  assert.equal((await get(`/api/v1/tasks/${id}`)).json().crashes, 1)
})

test('a claim may say that its worker keeps a session, of which this server does not know', async (context) => {
  const { get, post, submit } = await startApi(context, { engine: { sessionGraceSeconds: 0.05 } })
  const ids = [await submit({ type: 'a' }), await submit({ type: 'a' })]
  const claim = { workerId: 'w1', queues: ['default'], limit: 1, leaseSeconds: 3600, session: true }
  await post('/api/v1/leases', claim)
  await post('/api/v1/leases/settle', { outcomes: [], claim })
  for (const id of ids) while ((await get(`/api/v1/tasks/${id}`)).json().crashes !== 1) await new Promise(setImmediate)
})

test('a claim may say that its worker keeps no session, though one is open here', async (context) => {
  const { listen, post, store, submit } = await startApi(context)
  const session = await openEvents(context, `${await listen()}/api/v1/workers/w1/session?queues=default`)
  await session.next()
  await submit({ type: 'a' })
  await post('/api/v1/leases', { workerId: 'w1', queues: ['default'], limit: 1, session: false })
  const [holder] = await store.presence.holders({ namespace: null })
  assert.equal(holder?.session, false)
})

test('a claim that comes while a session opens, or after it was given up, is one of a worker without', async (context) => {
  const { engine, listen, store, submit, claim } = await startApi(context)
  const base = await listen()
  const asked = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  engine.in('default').openSession = () => {
    asked.resolve()
    return { opened: opened.promise, lost: closed.resolve, close: closed.resolve }
  }
  const session = await openEvents(context, `${base}/api/v1/workers/w1/session`)
  await asked.promise
  const isWatched = async () => {
    await submit({ type: 'a' })
    await claim('w1')
    return (await store.presence.holders({ namespace: null })).some(({ session }) => session)
  }
  assert.equal(await isWatched(), false)
  session.close()
  await closed.promise
  opened.resolve()
  await opened.promise
  assert.equal(await isWatched(), false)
})

test('a server that closes does not take its workers for dead', async (context) => {
  const { listen, server, engine, submit, claim } = await startApi(context)
  const base = await listen()
  const session = await openEvents(context, `${base}/api/v1/workers/w1/session?queues=default`)
  await session.next()
  await submit({ type: 'a' })
  await claim('w1')
  await server.close()
  assert.equal(await session.next(), null)
  const [worker] = (await engine.workers()).workers
  assert.equal(worker?.connected, true)
  assert.equal(worker?.leases, 1)
})
