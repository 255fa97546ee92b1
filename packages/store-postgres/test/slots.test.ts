import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createSimulatedClock, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
import type { JsonText, LeasedTask, NewTask, Settlement } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { createIdSkew } from '../src/id-times.ts'
import { createLanes } from '../src/lanes.ts'
import { readPostgresUrl } from '../src/location.ts'
import { dropSlot } from '../src/operations/retention.ts'
import { createSlots } from '../src/operations/slots.ts'
import type { Parts } from '../src/parts.ts'
import { createServerTime } from '../src/server-time.ts'
import { openStore } from './scene.ts'

const HOUR = 3_600_000
const RETENTION = { succeededSeconds: 7 * 86_400, failedSeconds: 30 * 86_400, finishedBytes: 1e12 }
const SWEEP = { cancelGraceMs: 10_000, retention: RETENTION, limit: 1000, jitter: 0.5 }

describe('slots of time', () => {
  const clock = createSimulatedClock()
  const newTask = taskMaker(clock)
  let opened: StoreUnderTest
  let parts: Parts

  before(async () => {
    opened = await openStore({ clock })
    await opened.store.migrate()
    const url = (opened.store.threadAccess().data as { url: string }).url
    const database = openDatabase(readPostgresUrl(url))
    const time = createServerTime(() => clock.now())
    const untold = { foretell: () => {}, readied: () => {} }
    parts = { database, lanes: createLanes(database), time, idSkew: createIdSkew(database), ...untold }
  })

  after(async () => {
    await parts.database.close()
    await opened.destroy()
  })

  const submit = async (overrides: Partial<NewTask> = {}): Promise<string> => {
    const task = newTask(overrides)
    await opened.store.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 1_000_000 })
    return task.id
  }
  const claim = async (): Promise<LeasedTask> => {
    const [task] = await opened.store.claim(CLAIM)
    assert.ok(task)
    return task
  }
  const settle = async (task: LeasedTask, outcome: object): Promise<void> => {
    const settlement = { taskId: task.id, token: task.lease.token, ...outcome } as Settlement
    const { results } = await opened.store.settle({ settlements: [settlement], claim: null })
    assert.equal(results[0]?.status, 'ok')
  }
  const partitionOf = async (id: string) => {
    const [row] = await parts.database.run<[string]>('SELECT tableoid::regclass FROM @tasks WHERE id = $1', [id])
    return row?.[0]?.split('.').at(-1)
  }

  it('are made ahead of time by a sweep', async () => {
    const early = await submit()
    assert.equal(await partitionOf(early), 'tasks_kept')
    await opened.store.sweep(SWEEP)
    await clock.advance(60_000)
    const later = await submit()
    assert.equal(await partitionOf(later), 'tasks_s1')
    await opened.store.cancel({ taskIds: [early, later] })
  })

  it('are dropped whole; what must stay is kept and goes on as before', async () => {
    const ids = { done: [] as string[], failed: '', running: '', queued: '', scheduled: '' }
    for (let n = 0; n < 20; n++) {
      await submit({ tags: ['old'] })
      const task = await claim()
      await settle(task, { outcome: 'succeeded', result: '1' })
      ids.done.push(task.id)
    }
    await submit({ tags: ['old'] })
    const failing = await claim()
    ids.failed = failing.id
    await opened.store.record({
      entries: [{ taskId: failing.id, token: failing.lease.token, progress: '5' as JsonText, log: 'line' }],
    })
    await settle(failing, FAILED)
    await submit()
    const running = await claim()
    ids.running = running.id
    ids.queued = await submit()
    ids.scheduled = await submit({ delayMs: 300 * 24 * HOUR })
    const events = await opened.store.history({ taskId: ids.failed, after: 0, limit: 100 })
    await clock.advance(8 * 24 * HOUR)
    const [slot] = await createSlots(parts, () => 0).all()
    assert.ok(slot)

    const now = clock.now()
    const bounds = { succeededUntil: now - 7 * 24 * HOUR, failedUntil: now - 30 * 24 * HOUR }
    const removed = await dropSlot(parts, { ...slot, suffix: `s${slot.slot}` }, bounds)

    assert.equal(removed?.tasks, 21, 'the twenty that succeeded and the one cancelled before')
    const gone = await opened.store.find({ taskIds: ids.done })
    assert.deepEqual(new Set(gone), new Set([null]))
    const kept = await opened.store.find({ taskIds: [ids.failed, ids.running, ids.queued, ids.scheduled] })
    assert.deepEqual(
      kept.map((task) => task?.status),
      ['failed', 'running', 'queued', 'scheduled'],
    )
    assert.deepEqual(await opened.store.history({ taskId: ids.failed, after: 0, limit: 100 }), events)
    const [counts] = await opened.store.counts({ namespace: 'default', queue: 'default' })
    assert.deepEqual(counts?.counts, { ...NONE, failed: 1, running: 1, queued: 1, scheduled: 1, cancelled: 1 })
    const tagged = await opened.store.list({ ...EVERYTHING, tag: 'old' })
    assert.deepEqual(
      tagged.items.map(({ id }) => id),
      [ids.failed],
    )
    assert.equal((await claim()).id, ids.queued)
    await settle(running, { outcome: 'succeeded', result: null })
    assert.deepEqual(await opened.store.retry({ taskIds: [ids.failed] }), [{ kind: 'retried' }])
    assert.deepEqual(await parts.database.run(`SELECT to_regclass('@tasks_s${slot.slot}')`), [[null]])
  })

  it('are not dropped while somebody reads them, and nobody waits for that', async () => {
    const slots = createSlots(parts, () => 0)
    await slots.prepare(RETENTION)
    const [slot] = await slots.all()
    assert.ok(slot)
    const now = clock.now() + 400 * 24 * HOUR
    const drop = () => dropSlot(parts, { ...slot, suffix: `s${slot.slot}` }, { succeededUntil: now, failedUntil: now })
    await parts.database.transaction(async (run) => {
      await run('SELECT count(*) FROM @tasks')
      assert.equal(await drop(), null)
    })
    assert.notEqual(await drop(), null)
  })
})

const CLAIM = {
  namespace: 'default',
  queues: ['default'],
  types: null,
  limit: 1,
  leaseMs: 300 * 24 * HOUR,
  worker: { workerId: 'worker-1', nodeId: null, session: false },
  requestId: null,
}

const FAILED = {
  outcome: 'failed',
  error: { code: 'broken', message: 'It broke' },
  retryable: false,
  retryDelayMs: null,
  jitter: 0,
}

const NONE = { blocked: 0, scheduled: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 }

const EVERYTHING = {
  namespace: 'default',
  status: null,
  type: null,
  queue: null,
  tag: null,
  createdAfter: null,
  createdBefore: null,
  limit: 50,
  cursor: null,
}
