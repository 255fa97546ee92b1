import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import { wrapCalls } from '@taskyard/core'
import type { OpenSession, UseCases } from '../src/index.ts'
import { awayWhile, type Cluster, claimOf, PAYLOAD, startCluster, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD, timeoutSeconds: 3600 }
const deaf = () => {}

/** A cluster whose store answers this call so much later than it does it, ms. */
function startSlowCluster(t: TestContext, call: 'holders' | 'endLeases', delayMs: () => number): Cluster {
  const cluster: Cluster = startCluster(t, (store) =>
    wrapCalls(store, (name, ask) => async (params) => {
      const ms = name === call ? delayMs() : 0
      const answer = await ask(params)
      if (ms > 0) await new Promise<void>((resolve) => cluster.clock.after(ms, resolve))
      return answer
    }),
  )
  return cluster
}

async function runTask(engine: UseCases, workerId: string) {
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim({ ...claimOf(workerId, 1, true), leaseSeconds: 300 })
  assert.equal(leased?.id, task.id)
  return {
    lease: { taskId: task.id, token: Number(leased?.lease.token) },
    async standing() {
      const { status, crashes } = await engine.get(task.id)
      return `${status}, crashes ${crashes}`
    },
  }
}

async function runTaskInSession(engine: UseCases, workerId: string, session: Partial<OpenSession> = {}) {
  const { close } = engine.openSession({ workerId, onCancel: deaf, ...session })
  return { close, ...(await runTask(engine, workerId)) }
}

/** The session of a start 'a' of a worker broke while it ran a task, and then the store went away. */
async function leftWithStoreAway(t: TestContext) {
  let isAway = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => isAway),
  )
  const { close, standing } = await runTaskInSession(engine, 'worker-1', { startId: 'a' })
  close()
  await clock.advance(100)
  isAway = true
  const storeIsBack = () => {
    isAway = false
  }
  return { engine, clock, standing, storeIsBack }
}

test('a dead worker has one grace, whenever a slow store is looked at', async (t) => {
  const { clock, node } = startSlowCluster(t, 'holders', () => 300)
  const [engine] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  for (let offset = 0; offset < 2000; offset += 100) {
    const { close, standing } = await runTaskInSession(engine, `worker-${offset}`)
    close()
    await clock.advance(6100)
    assert.equal(await standing(), 'queued, crashes 1', `${offset} ms`)
    await engine.cancelMatching({ queue: 'default' })
  }
})

test('a dead worker whose grace ends while the leases of another are ended has no second one', async (t) => {
  const { clock, node } = startSlowCluster(t, 'endLeases', () => 2500)
  const [engine] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const first = await runTaskInSession(engine, 'worker-1')
  const second = await runTaskInSession(engine, 'worker-2')
  first.close()
  await clock.advance(100)
  second.close()
  await clock.advance(10_100)
  assert.equal(await second.standing(), 'queued, crashes 1')
})

test('what another start left is ended as soon as the beats can be trusted, before the session is open', async (t) => {
  const { clock, node } = startCluster(t)
  const engine = await node('node-1')
  const { close, standing } = await runTaskInSession(engine, 'worker-1', { startId: 'a' })
  await clock.advance(1500)
  close()
  await clock.advance(500)
  const { opened } = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  const standingWhenOpen = opened.then(standing)
  await clock.advance(5000)
  assert.equal(await standingWhenOpen, 'queued, crashes 1')
})

test('what another start left is ended though the store is away for a moment', async (t) => {
  const { engine, clock, standing, storeIsBack } = await leftWithStoreAway(t)
  const { opened } = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  await clock.advance(100)
  storeIsBack()
  const standingWhenOpen = opened.then(standing)
  await clock.advance(2000)
  assert.equal(await standingWhenOpen, 'queued, crashes 1')
})

test('what another start left is ended though its first attempt to open a session breaks', async (t) => {
  const { engine, clock, standing, storeIsBack } = await leftWithStoreAway(t)
  engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).close()
  await clock.advance(100)
  const { opened } = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  await clock.advance(100)
  storeIsBack()
  const standingWhenOpen = opened.then(standing)
  await clock.advance(2000)
  assert.equal(await standingWhenOpen, 'queued, crashes 1')
})

test('a session opens though what another start left cannot be ended', async (t) => {
  const { engine, clock, storeIsBack } = await leftWithStoreAway(t)
  let isOpen = false
  const { opened } = engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  void opened.then(() => {
    isOpen = true
  })
  await clock.advance(15_000)
  storeIsBack()
  assert.ok(isOpen)
  assert.ok((await engine.workers()).workers.every(({ connected }) => connected))
})

test('another start that opens its session just as the leases of the one before are to end does not keep them', async (t) => {
  const { clock, node } = startSlowCluster(t, 'holders', () => 300)
  const engine = await node('node-1')
  await clock.advance(10_000)
  const { close, standing } = await runTaskInSession(engine, 'worker-1', { startId: 'a' })
  close()
  await clock.advance(5100)
  engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  await clock.advance(5000)
  assert.equal(await standing(), 'queued, crashes 1')
})

test('a worker that nobody could look at in its grace is looked at before its leases end', async (t) => {
  const { promise: unanswered, resolve: answer } = Promise.withResolvers<void>()
  t.after(() => answer())
  let isHanging = false
  const hanging = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      async holders() {
        if (isHanging) await unanswered
        return store.presence.holders({ namespace: null })
      },
    },
  })
  const { engine, clock } = await startEngine(t, { sweeps: false }, hanging)
  const { close, lease, standing } = await runTaskInSession(engine, 'worker-1')
  close()
  isHanging = true
  await clock.advance(4500)
  isHanging = false
  assert.deepEqual(await engine.heartbeat([lease], 300), ['ok'])
  await clock.advance(1000)
  assert.deepEqual(await engine.heartbeat([lease], 300), ['ok'])
  await clock.advance(4500)
  assert.equal(await standing(), 'running, crashes 0')
  await clock.advance(1000)
  assert.equal(await standing(), 'queued, crashes 1')
})

test('a call that was under way when its worker died is no sign of life, whenever a slow store is looked at', async (t) => {
  const { clock, node } = startSlowCluster(t, 'holders', () => 300)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  for (let offset = 0; offset < 2000; offset += 100) {
    const workerId = `worker-${offset}`
    const { close, standing } = await runTaskInSession(first, workerId)
    await clock.advance(1000 + offset)
    close()
    await clock.advance(950)
    await runTask(second, workerId)
    await clock.advance(5050)
    assert.equal(await standing(), 'queued, crashes 1', `${offset} ms`)
    await second.cancelMatching({ queue: 'default' })
  }
})

test('an answer that is overtaken by a newer one is no sign of life', async (t) => {
  let delayMs = 0
  const { clock, node } = startSlowCluster(t, 'holders', () => delayMs)
  const engine = await node('node-1')
  await clock.advance(11_000)
  const { close, standing } = await runTaskInSession(engine, 'worker-1')
  const { lease } = await runTask(engine, 'worker-1')
  await clock.advance(500)
  close()
  delayMs = 2500
  await clock.advance(1100)
  delayMs = 0
  await engine.settle([{ ...lease, outcome: 'succeeded' }])
  await clock.advance(5400)
  assert.equal(await standing(), 'queued, crashes 1')
})
