import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OpenedStore, TaskyardError } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { claimOf, createEngineInDefault, PAYLOAD, startCluster, startEngine, startStallingEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}

test('a broken session ends its leases after the grace, long before the lease time', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  session.close()
  await clock.advance(4999)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(1)
  const { status, crashes } = await engine.get(task.id)
  assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
})

test('a session resumed within its grace keeps its leases', async (t) => {
  const { engine, clock } = await startEngine(t)
  const first = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  first.close()
  await clock.advance(4000)
  engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await clock.advance(60_000)
  assert.equal((await engine.get(task.id)).status, 'running')
})

test('another start of a worker whose session broke ends the leases of the one before at once', async (t) => {
  const { engine, clock } = await startEngine(t)
  const first = engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  first.close()
  await clock.advance(100)
  const second = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  await second.opened
  const { status, crashes } = await engine.get(task.id)
  assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
  const [again] = await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  await clock.advance(60_000)
  assert.equal((await engine.get(task.id)).status, 'running')
  second.close()
  await clock.advance(5000)
  assert.equal((await engine.get(String(again?.id))).status, 'queued')
})

test('another start that moves here from another server keeps its leases, though the one before broke here', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  first.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf }).close()
  await second.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).opened
  const { task } = await second.submit(TASK)
  await second.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  await clock.advance(300)
  await second.stop()
  await first.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).opened
  await clock.advance(60_000)
  assert.equal((await first.get(task.id)).status, 'running')
})

for (const held of [0, 1]) {
  test(`another start that claims before its session is open keeps its leases; the one before held ${held}`, async (t) => {
    const { engine, clock } = await startEngine(t)
    const claim = { ...claimOf('worker-1', 1, true), leaseSeconds: 3600 }
    const first = engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf })
    for (let i = 0; i < held; i++) {
      await engine.submit(TASK)
      await engine.claim(claim)
    }
    first.close()
    await clock.advance(200)
    const { task } = await engine.submit(TASK)
    await engine.claim(claim)
    await engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).opened
    await clock.advance(60_000)
    assert.equal((await engine.get(task.id)).status, 'running')
  })
}

test('workers that break together are looked at together', async (t) => {
  let looks = 0
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      holders() {
        looks += 1
        return store.presence.holders({ namespace: null })
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, counting)
  const workerIds = Array.from({ length: 20 }, (_, i) => `worker-${i}`)
  const sessions = workerIds.map((workerId) => engine.openSession({ workerId, startId: 'a', onCancel: deaf }))
  await clock.advance(10_000)
  const before = looks
  for (const session of sessions) session.close()
  await clock.advance(0)
  assert.equal(looks, before + 1)
})

test('a claim without a session outlives a session of its worker that breaks', async (t) => {
  const { engine, clock } = await startEngine(t)
  await engine.submitMany([TASK, TASK])
  const [unwatched] = await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 3600 })
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const [watched] = await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  session.close()
  await clock.advance(60_000)
  assert.equal((await engine.get(String(watched?.id))).status, 'queued')
  assert.equal((await engine.get(String(unwatched?.id))).status, 'running')
})

test('another start that goes away before it is connected has a grace of its own', async (t) => {
  const { engine, clock } = await startEngine(t)
  const first = engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  first.close()
  await clock.advance(100)
  const second = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  second.close()
  await second.opened
  await clock.advance(5000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('the same start, or one that does not say, takes its leases up again', async (t) => {
  for (const startId of ['a', undefined]) {
    const { engine, clock } = await startEngine(t)
    const named = startId === undefined ? {} : { startId }
    const first = engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf })
    const { task } = await engine.submit(TASK)
    await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
    first.close()
    await engine.openSession({ workerId: 'worker-1', ...named, onCancel: deaf }).opened
    await clock.advance(60_000)
    assert.equal((await engine.get(task.id)).status, 'running')
  }
})

test('another start that goes away before the leases of the first have ended is not connected', async (t) => {
  const { engine } = await startEngine(t)
  engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf }).close()
  const second = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  second.close()
  await second.opened
  assert.ok((await engine.workers()).workers.every(({ connected }) => !connected))
})

test('a new connection that opens before the old one breaks leaves no gap', async (t) => {
  const { engine, clock } = await startEngine(t)
  const first = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  first.close()
  await clock.advance(60_000)
  assert.equal((await engine.get(task.id)).status, 'running')
})

test('leases of a session whose server died get one grace after the restart', async (t) => {
  const { engine, clock, store } = await startEngine(t)
  engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  await engine.stop()
  const ids = createUuidV7Generator(clock)
  const successor = createEngineInDefault({ store, clock, random: () => 0.5, ids, nodeId: 'node-2' })
  await successor.start()
  t.after(() => successor.stop())
  await clock.advance(4999)
  assert.equal((await successor.get(task.id)).status, 'running')
  await clock.advance(1)
  assert.equal((await successor.get(task.id)).status, 'queued')
})

test('a store that is away at the end of the grace does not save the leases', async (t) => {
  let away = true
  const failing = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      async endLeases(params) {
        if (away) throw new TaskyardError('store_unavailable', { reason: 'away' })
        return store.presence.endLeases(params)
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, failing)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  session.close()
  await clock.advance(10_000)
  assert.equal((await engine.get(task.id)).status, 'running')
  away = false
  await clock.advance(1000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a cancel request reaches the session of the worker that runs the task', async (t) => {
  const { engine } = await startEngine(t)
  const heard: string[] = []
  engine.openSession({ workerId: 'worker-1', onCancel: (id) => heard.push(id) })
  engine.openSession({ workerId: 'worker-2', onCancel: () => assert.fail('not its task') })
  const { task } = await engine.submit(TASK)
  await engine.claim(claimOf('worker-1', 1, true))
  await engine.cancel(task.id)
  assert.deepEqual(heard, [task.id])
})

test('workers are listed with their leases, connected or not', async (t) => {
  const { engine } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', queues: ['default'], concurrency: 4, onCancel: deaf })
  await engine.submitMany([TASK, TASK])
  await engine.claim(claimOf('worker-1', 1, true))
  await engine.claim(claimOf('worker-2'))
  const seen = async () =>
    (await engine.workers()).workers.map(({ workerId, connected, watched, leases }) => ({
      workerId,
      connected,
      watched,
      leases,
    }))
  const unwatched = { workerId: 'worker-2', connected: false, watched: false, leases: 1 }
  assert.deepEqual(await seen(), [{ workerId: 'worker-1', connected: true, watched: true, leases: 1 }, unwatched])
  session.close()
  assert.deepEqual(await seen(), [{ workerId: 'worker-1', connected: false, watched: true, leases: 1 }, unwatched])
})

test('a grace in which this process stood still begins anew', async (t) => {
  const { engine, clock, standStill } = await startStallingEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
  session.close()
  await clock.advance(2000)
  await standStill(60_000)
  await clock.advance(4999)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(1)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a dead worker on whom the store chokes does not keep the tasks of another', async (t) => {
  const choking = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      async endLeases(params) {
        if (params.workers.some(({ workerId }) => workerId === 'bad')) throw new Error('choked')
        return store.presence.endLeases(params)
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, choking)
  const sessions = ['bad', 'good'].map((workerId) => engine.openSession({ workerId, onCancel: deaf }))
  await engine.submitMany([TASK, TASK])
  for (const workerId of ['bad', 'good']) {
    await engine.claim({ ...claimOf(workerId, 1, true), leaseSeconds: 3600 })
  }
  for (const session of sessions) session.close()
  await clock.advance(10_000)
  assert.equal((await engine.queue('default')).counts.queued, 1)
})
