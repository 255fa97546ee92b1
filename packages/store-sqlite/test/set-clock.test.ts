import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, DEFAULT_RETENTION, type LeasedTask } from '@taskyard/core'
import { openSqliteStore } from '../src/index.ts'
import { createSteadyClock } from '../src/steady-clock.ts'
import { CLAIM, newTask, submissions, temporaryFolder } from './test-bed.ts'

// Somebody sets the machine's clock while attempts run.

const HOUR = 3_600_000
const SWEEP = { cancelGraceMs: 10_000, retention: DEFAULT_RETENTION, limit: 1000, jitter: 0.5 }
const NODE = { workerId: 'embedded', nodeId: 'node-1', session: false }

interface SettableClock extends Clock {
  pass(ms: number): void
  set(byMs: number): void
}

function createSettableClock(): SettableClock {
  let [wall, elapsed] = [Date.UTC(2026, 0, 1), 0]
  return {
    now: () => wall,
    monotonic: () => elapsed,
    after: () => () => {},
    pass(ms) {
      wall += ms
      elapsed += ms
    },
    set(byMs) {
      wall += byMs
    },
  }
}

async function openTestBed(t: TestContext) {
  const clock = createSettableClock()
  const store = await openSqliteStore({ path: join(await temporaryFolder(t), 'taskyard.db'), clock })
  t.after(() => store.lifecycle.close())
  const start = async (options: Parameters<typeof newTask>[0] = {}, claim: Partial<typeof CLAIM> = {}) => {
    await store.tasks.enqueue(submissions(newTask(options)))
    const [task] = await store.tasks.claim({ ...CLAIM, ...claim })
    return task as LeasedTask
  }
  const ended = async () => (await store.upkeep.sweep(SWEEP)).ended.map(({ reason }) => reason)
  return { clock, store, start, ended }
}

test('no lease ends because the clock is set forward, and each does in its time', async (t) => {
  const { clock, start, ended } = await openTestBed(t)
  await start()
  clock.pass(10_000)
  clock.set(HOUR)
  assert.deepEqual(await ended(), [])
  clock.set(HOUR)
  clock.pass(CLAIM.leaseMs - 10_001)
  assert.deepEqual(await ended(), [])
  clock.pass(1)
  assert.deepEqual(await ended(), ['expired'])
})

test('no attempt runs out of time because the clock is set forward, and each does in its time', async (t) => {
  const { clock, store, start, ended } = await openTestBed(t)
  const { id, lease } = await start({ timeoutSeconds: 20 }, { leaseMs: HOUR })
  clock.set(HOUR)
  const leases = [{ taskId: id, token: lease.token }]
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases, leaseMs: HOUR }), ['ok'])
  clock.pass(19_999)
  assert.deepEqual(await ended(), [])
  clock.pass(1)
  assert.deepEqual(await ended(), ['timeout'])
})

test('an attempt that is asked to stop keeps its grace when the clock is set forward', async (t) => {
  const { clock, store, start, ended } = await openTestBed(t)
  const { id } = await start()
  await store.tasks.cancel({ namespace: 'default', taskIds: [id] })
  clock.set(HOUR)
  clock.pass(SWEEP.cancelGraceMs - 1)
  assert.deepEqual(await ended(), [])
  clock.pass(1)
  assert.deepEqual(await ended(), ['cancelled'])
})

test('a process that lives is not taken for gone when the clock is set forward', async (t) => {
  const { clock, store, start } = await openTestBed(t)
  await store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
  await start({}, { worker: NODE })
  const isAlive = async () => (await store.presence.holders({ namespace: null }))[0]?.alive
  clock.set(HOUR)
  assert.equal(await isAlive(), true)
  clock.pass(5_000)
  assert.equal(await isAlive(), false)
})

test('what is due at a time of day is due when the clock is set to it', async (t) => {
  const { clock, store } = await openTestBed(t)
  await store.tasks.enqueue(submissions(newTask({ runAt: clock.now() + HOUR })))
  assert.deepEqual(await store.tasks.claim(CLAIM), [])
  clock.set(HOUR)
  const [task] = await store.tasks.claim(CLAIM)
  assert.equal(task?.startedAt, clock.now())
})

test('a clock that was set back and is put right skips nothing', () => {
  const clock = createSettableClock()
  const time = createSteadyClock(clock)
  const { now } = time()
  clock.set(-HOUR)
  assert.deepEqual(time(), { now, skippedMs: 0 })
  clock.set(HOUR)
  assert.deepEqual(time(), { now, skippedMs: 0 })
  clock.set(HOUR)
  assert.deepEqual(time(), { now: now + HOUR, skippedMs: HOUR })
})
