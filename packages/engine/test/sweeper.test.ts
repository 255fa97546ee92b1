import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReferenceStore, createSimulatedClock } from '@taskyard/conformance'
import { type ChoreFailure, type OpenedStore, TaskyardError } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { awayWhile, claimOf, createEngineInDefault, PAYLOAD, startEngine, startStallingEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('an expired lease makes its task ready within a second of its end', async (t) => {
  const { engine, clock } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 10 })
  await clock.advance(9999)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(1001)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a failed attempt comes back after its backoff, to a worker that waits', async (t) => {
  const { engine, clock } = await startEngine(t)
  const { task } = await engine.submit({ ...TASK, backoff: { kind: 'fixed', baseSeconds: 20 } })
  const [leased] = await engine.claim(claimOf('worker-1'))
  await engine.settle([{ taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'failed' }])
  const waiting = engine.claim(claimOf('worker-1'), 60)
  await clock.advance(20_001)
  const [again] = await waiting
  assert.deepEqual([again?.attempt, again?.lease.token], [2, 2])
})

test('a clock that is set back in the grace of a start does not keep leases from ending', async (t) => {
  const clock = createSimulatedClock()
  const store = createReferenceStore(clock)
  let setBy = 0
  const ofServer = { ...clock, now: () => clock.now() + setBy }
  const ids = createUuidV7Generator(clock)
  const engine = createEngineInDefault({ store, clock: ofServer, random: () => 0.5, ids, nodeId: 'node-1' })
  t.after(() => engine.stop())
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 2 })
  await engine.start()
  await clock.advance(100)
  setBy = -3_600_000
  await clock.advance(10_000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a worker that ignores a cancel loses the task after the grace', async (t) => {
  const ended: string[] = []
  const observer = { leaseEnded: (_task: object, reason: string) => ended.push(reason) }
  const { engine, clock } = await startEngine(t, { observer, cancelGraceSeconds: 2 })
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(claimOf('worker-1'))
  await engine.cancel(task.id)
  await clock.advance(3001)
  assert.equal((await engine.get(task.id)).status, 'cancelled')
  const late = await engine.settle([{ taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'succeeded' }])
  assert.deepEqual([late.results, ended], [[{ status: 'lost' }], ['cancelled']])
})

test('a store that was away is swept again when it is back, and health says so', async (t) => {
  let away = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => away),
  )
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  away = true
  await clock.advance(5000)
  assert.equal((await engine.health()).ready, false)
  away = false
  await clock.advance(500)
  assert.equal((await engine.health()).ready, true)
  await clock.advance(3500)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('leases that ran out while the store was away can be extended for a moment after its return', async (t) => {
  let away = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => away),
  )
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 30 })
  away = true
  await clock.advance(60_000)
  away = false
  await clock.advance(2900)
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: leased?.lease.token ?? 0 }]), ['ok'])
  await clock.advance(10_000)
  assert.equal((await engine.get(task.id)).status, 'running')
})

test('a submission on the way to its sweep does not shorten that moment', async (t) => {
  let away = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => away),
  )
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  away = true
  await clock.advance(10_000)
  away = false
  await clock.advance(1000)
  await engine.submit({ ...TASK, delaySeconds: 0.1 })
  await clock.advance(1500)
  assert.equal((await engine.get(task.id)).status, 'running')
})

test('claims that wait outlive an outage of the store, and due tasks reach them soon after it', async (t) => {
  let away = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => away),
  )
  await engine.submit({ ...TASK, delaySeconds: 10 })
  const waiting = engine.claim(claimOf('worker-1'), 60)
  away = true
  await clock.advance(30_000)
  away = false
  await clock.advance(1000)
  assert.equal((await waiting).length, 1)
})

test('trouble in the background is told as it comes, and once when it is over', async (t) => {
  let away = false
  const told: string[] = []
  const observer = {
    backgroundError: (service: string) => told.push(`${service} failed`),
    backgroundRecovered: (service: string) => told.push(`${service} works`),
  }
  const { clock } = await startEngine(
    t,
    { observer },
    awayWhile(() => away),
  )
  await clock.advance(3500)
  away = true
  await clock.advance(1000)
  away = false
  await clock.advance(10_000)
  const ofSweeper = told.filter((line) => line.startsWith('sweeper'))
  assert.deepEqual(ofSweeper, ['sweeper failed', 'sweeper failed', 'sweeper works'])
})

test('stale writes are refused and counted', async (t) => {
  const refused: string[] = []
  const observer = { staleWriteRefused: (_namespace: string, operation: string) => refused.push(operation) }
  const { engine, clock } = await startEngine(t, { observer })
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  await clock.advance(3000)
  const stale = { taskId: task.id, token: 1 }
  assert.deepEqual(await engine.heartbeat([stale]), ['lost'])
  assert.deepEqual(await engine.record([{ ...stale, log: 'still here' }]), ['lost'])
  assert.deepEqual((await engine.settle([{ ...stale, outcome: 'succeeded' }])).results, [{ status: 'lost' }])
  assert.deepEqual(refused, ['extend', 'record', 'settle'])
})

test('a store whose clock is behind is not asked without a pause for what is not due there yet', async (t) => {
  let sweeps = 0
  const { clock } = await startEngine(t, {}, (store) => ({
    ...store,
    upkeep: {
      ...store.upkeep,
      async sweep(params) {
        sweeps += 1
        return { ...(await store.upkeep.sweep(params)), nextAt: 0 }
      },
    },
  }))
  await clock.advance(3000)
  sweeps = 0
  await clock.advance(10_000)
  assert.ok(sweeps >= 20 && sweeps <= 40, `${sweeps} sweeps in 10 s`)
})

test('leases that ran out while there was no server can be extended for a moment after its start', async (t) => {
  const { engine, clock, store } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 5 })
  await engine.stop()
  await clock.advance(60_000)
  const ids = createUuidV7Generator(clock)
  const successor = createEngineInDefault({ store, clock, random: () => 0.5, ids, nodeId: 'node-2' })
  await successor.start()
  t.after(() => successor.stop())
  await clock.advance(2900)
  assert.deepEqual(await successor.heartbeat([{ taskId: task.id, token: 1 }], 5), ['ok'])
  await clock.advance(4900)
  assert.equal((await successor.get(task.id)).status, 'running')
  await clock.advance(1200)
  assert.equal((await successor.get(task.id)).status, 'queued')
})

test('leases that ran out while this process stood still can be extended for a moment', async (t) => {
  const { engine, clock, standStill } = await startStallingEngine(t)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 2 })
  await clock.advance(1000)
  await standStill(8000)
  await clock.advance(2500)
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: 1 }], 2), ['ok'])
  await clock.advance(1900)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(1200)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a machine that stands still again and again ends leases all the same', async (t) => {
  const { engine, clock, standStill } = await startStallingEngine(t)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  for (let i = 0; i < 8; i++) {
    await standStill(1600)
    await clock.advance(100)
  }
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a chore of the store that fails is told once, and so is its end; the store counts as there', async (t) => {
  const told: string[] = []
  const observer = {
    backgroundError: (service: string) => told.push(`${service} failed`),
    backgroundRecovered: (service: string) => told.push(`${service} works`),
  }
  let failures: readonly ChoreFailure[] = []
  const withFailures = (store: OpenedStore): OpenedStore => ({
    ...store,
    upkeep: { ...store.upkeep, sweep: async (params) => ({ ...(await store.upkeep.sweep(params)), failures }) },
  })
  const { engine, clock } = await startEngine(t, { observer }, withFailures)
  await clock.advance(5000)
  failures = [{ chore: 'vacuum', error: new TaskyardError('store_unavailable', { reason: 'no answer' }) }]
  await clock.advance(5000)
  assert.deepEqual(told, ['sweeper: vacuum failed'])
  assert.equal(engine.loops().find(({ name }) => name === 'sweeper')?.healthy, true)
  failures = []
  await clock.advance(5000)
  assert.deepEqual(told, ['sweeper: vacuum failed', 'sweeper: vacuum works'])
})
