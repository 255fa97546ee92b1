import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SettableClock } from '@taskyard/conformance'
import { awayWhile, claimOf, PAYLOAD, startCluster, startEngine, startStallingEngine } from './test-bed.ts'

// Somebody sets the clock of the machine that the engine runs on.

const TASK = { type: 'test', payload: PAYLOAD }
const HOUR = 3_600_000
const deaf = () => {}

/** Of a machine beside that of the store: it can be set, and the store's time goes on. */
function machineBeside(clock: SettableClock) {
  let setBy = 0
  return {
    ...clock,
    now: () => clock.now() + setBy,
    set(byMs: number) {
      setBy += byMs
    },
  }
}

/** An engine that is the only one of a store on another machine. */
function besideItsStore(t: Parameters<typeof startCluster>[0]) {
  const { clock, node } = startCluster(t)
  const machine = machineBeside(clock)
  return { clock, machine, start: () => node('node-1', { news: null, clock: machine }) }
}

for (const setBy of [-HOUR, HOUR]) {
  test(`a wait for a task takes its time when the clock is set by ${setBy / HOUR} h`, async (t) => {
    const { engine, clock } = await startEngine(t)
    const { task } = await engine.submit(TASK)
    let isOver = false
    const waiting = engine.wait(task.id, 10).then(() => {
      isOver = true
    })
    await clock.advance(1000)
    clock.set(setBy)
    await clock.advance(8000)
    assert.equal(isOver, false)
    await clock.advance(1000)
    await waiting
  })
}

test('an operation by filter leaves off in its time when the clock is set back', async (t) => {
  const bed = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async list(params) {
        const page = await store.reads.list(params)
        bed.clock.set(-HOUR)
        await bed.clock.advance(2000)
        return page
      },
    },
  }))
  await bed.engine.submitMany(Array.from({ length: 450 }, () => TASK))
  const { matched, cursor } = await bed.engine.cancelMatching({ queue: 'default' }, { seconds: 1 })
  assert.ok(matched < 450 && cursor !== null, `${matched}`)
})

test('a dead process is noticed when the clock of the one that looks was set back', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const machine = machineBeside(clock)
  const [first, second] = [await node('node-1'), await node('node-2', { clock: machine })]
  await clock.advance(20_000)
  machine.set(-HOUR)
  await clock.advance(10_000)
  const { task } = await first.submit(TASK)
  await first.claim({ ...claimOf('worker-1'), worker: { workerId: 'worker-1', nodeId: 'node-1', session: true } })
  kill('node-1')
  await clock.advance(7000)
  assert.equal((await second.get(task.id)).status, 'queued')
})

test('a worker that goes on extending its lease keeps it when the clock is set back in its grace', async (t) => {
  const { clock, machine, start } = besideItsStore(t)
  const engine = await start()
  await clock.advance(10_000)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(claimOf('worker-1', 1, true))
  const lease = { taskId: task.id, token: leased?.lease.token ?? 0 }
  session.close()
  await clock.advance(100)
  machine.set(-10_000)
  for (let second = 0; second < 20; second++) {
    assert.deepEqual(await engine.heartbeat([lease]), ['ok'], `after ${second} s`)
    await clock.advance(1000)
  }
})

test('leases that ran out before a start keep its grace when the clock is set forward', async (t) => {
  const { clock, machine, start } = besideItsStore(t)
  const engine = await start()
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 2 })
  await clock.advance(500)
  machine.set(HOUR)
  await clock.advance(2000)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(1500)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('leases keep the grace of a store that was away when the clock is set back', async (t) => {
  let isAway = false
  const { engine, clock } = await startEngine(
    t,
    {},
    awayWhile(() => isAway),
  )
  await clock.advance(5000)
  isAway = true
  await clock.advance(5000)
  isAway = false
  await clock.advance(1000)
  clock.set(-HOUR)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  await clock.advance(4000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a standstill is excused after the clock was set back', async (t) => {
  const { engine, clock, standStill } = await startStallingEngine(t)
  await standStill(10_000)
  await clock.advance(5000)
  clock.set(-HOUR)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 5 })
  await clock.advance(2000)
  await standStill(10_000)
  await clock.advance(1000)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(3000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('a machine that slept, while only its time of day went on, has stood still', async (t) => {
  const { engine, clock } = await startEngine(t)
  await clock.advance(5000)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 5 })
  clock.set(HOUR)
  await clock.advance(2000)
  assert.equal((await engine.get(task.id)).status, 'running')
  await clock.advance(3000)
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('throughput goes by the time that passed when the clock is set', async (t) => {
  const { engine, clock } = await startEngine(t)
  await clock.advance(10_000)
  await engine.submitMany(Array.from({ length: 30 }, () => TASK))
  const leased = await engine.claim(claimOf('worker-1', 30))
  await engine.settle(leased.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome: 'succeeded' })))
  for (const setBy of [-HOUR, 2 * HOUR]) {
    clock.set(setBy)
    await clock.advance(10_000)
    assert.ok((await engine.queue('default')).throughput >= 1)
  }
})
