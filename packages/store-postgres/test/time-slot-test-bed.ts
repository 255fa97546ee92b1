import assert from 'node:assert/strict'
import { createSimulatedClock, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
import type { ClaimParams, LeasedTask, NewTask, OpenedStore, Settlement, TaskStatus } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { createIdSkew } from '../src/id-times.ts'
import { createLanes } from '../src/lanes.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { createLockTurns } from '../src/operations/lock-turns.ts'
import { createTimeSlotAccess, type TimeSlotAccess } from '../src/operations/time-slot-access.ts'
import { dissolveSlots } from '../src/operations/time-slot-dissolve.ts'
import { beginRewrite, stepRewrite } from '../src/operations/time-slot-rewrite.ts'
import { allTimeSlots, type TimeSlot } from '../src/operations/time-slot-tables.ts'
import { createTimeSlots } from '../src/operations/time-slots.ts'
import { isLocked } from '../src/postgres-errors.ts'
import { createServerTime } from '../src/server-time.ts'
import type { StoreContext } from '../src/store-context.ts'
import { CLAIM, RETENTION } from './calls.ts'
import { openStore } from './store-opener.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

const COUNTED = ['queued', 'scheduled', 'running', 'succeeded', 'failed', 'cancelled'] as const
type Counts = Record<(typeof COUNTED)[number], number>

interface TaskCalls {
  submit(overrides?: Partial<NewTask>): Promise<string>
  submitMany(count: number, overrides?: Partial<NewTask>): Promise<void>
  claim(overrides?: Partial<ClaimParams>): Promise<LeasedTask>
  settle(task: LeasedTask, outcome: object): Promise<void>
  succeed(overrides?: Partial<NewTask>): Promise<string>
  fail(overrides?: Partial<NewTask>): Promise<string>
  /** `null` of those that are not there. */
  statuses(ids: readonly string[]): Promise<readonly (TaskStatus | null)[]>
  /** Of all queues together. */
  counts(): Promise<Counts>
}

export interface TimeSlotTestBed extends TaskCalls {
  readonly clock: ReturnType<typeof createSimulatedClock>
  readonly store: OpenedStore
  /** Of a process beside the store. */
  readonly context: StoreContext
  readonly access: TimeSlotAccess
  /** Makes the next slot and lets its time begin. */
  beginSlot(): Promise<TimeSlot>
  slots(): Promise<readonly TimeSlot[]>
  /** What retention leaves behind now. */
  bounds(): { succeededUntil: number; failedUntil: number }
  /** Begins to rewrite these. */
  rewrite(slots: readonly TimeSlot[]): Promise<boolean>
  dissolve(...slots: readonly TimeSlot[]): Promise<boolean>
  /** Goes on with the rewriting under way until it is done; gives the tasks removed. `between` runs before each step. */
  finishRewrite(between?: (stage: string) => Promise<void>): Promise<number>
  close(): Promise<void>
}

/** A store on a simulated clock, and what its retention works with. */
export async function openTimeSlotTestBed(): Promise<TimeSlotTestBed> {
  const clock = createSimulatedClock()
  const opened: StoreUnderTest = await openStore({ clock })
  const { store } = opened
  await store.lifecycle.migrate()
  const context = secondContext(store, () => clock.now())
  const { database, maintenance } = context
  const access = createTimeSlotAccess(maintenance)
  const beginSlot = async () => {
    const last = (await allTimeSlots(database.run)).at(-1)
    if (last !== undefined) await clock.advance(Math.max(0, last.toAt - 60_000 - clock.now()))
    let slot = last
    while (slot === undefined || slot.slot === last?.slot) {
      await createTimeSlots(context, access, () => 0).prepare(RETENTION)
      slot = (await allTimeSlots(database.run)).at(-1)
    }
    await clock.advance(Math.max(0, slot.fromAt + 1 - clock.now()))
    return slot
  }
  const bounds = () => ({ succeededUntil: clock.now() - 7 * DAY, failedUntil: clock.now() - 30 * DAY })
  return {
    access,
    clock,
    store,
    context,
    ...taskCalls(store, taskMaker(clock)),
    beginSlot,
    slots: () => allTimeSlots(database.run),
    bounds,
    rewrite: (slots) => unlessLocked(() => beginRewrite(access, slots, bounds())),
    dissolve(...slots) {
      const numbers = slots.map(({ slot }) => slot)
      return unlessLocked(() => dissolveSlots(access, numbers))
    },
    async finishRewrite(between = async () => {}) {
      let removed = 0
      for (;;) {
        const [row] = await database.run<[string]>('SELECT stage FROM @slot_rewrites')
        if (row === undefined) return removed
        await between(row[0])
        removed += (await unlessLocked(() => stepRewrite(access)))?.removed ?? 0
      }
    },
    async close() {
      await maintenance.close()
      await database.close()
      await opened.destroy()
    },
  }
}

/** Of a process beside the store, whose chores and listeners it has none of. `now` replaces the server's clock. */
export function secondContext(store: OpenedStore, now?: () => number): StoreContext {
  const location = readPostgresUrl((store.lifecycle.threadAccess().data as { url: string }).url)
  const database = openDatabase(location)
  return {
    database,
    maintenance: openMaintenance(location),
    lanes: createLanes(database),
    time: createServerTime(now),
    idSkew: createIdSkew(database),
    lockTurns: createLockTurns(1000),
    hintReady: () => {},
    publishReady: () => {},
  }
}

function taskCalls({ tasks, reads }: OpenedStore, newTask: ReturnType<typeof taskMaker>): TaskCalls {
  let ended = 0
  const calls: TaskCalls = {
    async submit(overrides = {}) {
      const task = newTask(overrides)
      await tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 1_000_000 })
      return task.id
    },
    async submitMany(count, overrides = {}) {
      const submission = { tasks: Array.from({ length: count }, () => newTask(overrides)) }
      await tasks.enqueue({ submissions: [submission], queueDepth: 1_000_000 })
    },
    async claim(overrides = {}) {
      const [task] = await tasks.claim({ ...LONG_CLAIM, ...overrides })
      assert.ok(task)
      return task
    },
    async settle(task, outcome) {
      const settlement = { taskId: task.id, token: task.lease.token, ...outcome } as Settlement
      const { results } = await tasks.settle({ namespace: 'default', settlements: [settlement], claim: null })
      assert.equal(results[0]?.status, 'ok')
    },
    succeed: (overrides) => endNow({ outcome: 'succeeded', result: '1' }, overrides),
    fail: (overrides) => endNow(FAILED, overrides),
    statuses: async (ids) =>
      (await reads.find({ namespace: 'default', taskIds: ids })).map((task) => task?.status ?? null),
    async counts() {
      const queues = await reads.counts({ namespace: 'default', queue: null })
      const sum = (status: TaskStatus) => queues.reduce((total, { counts }) => total + counts[status], 0)
      return Object.fromEntries(COUNTED.map((status) => [status, sum(status)])) as Counts
    },
  }

  async function endNow(outcome: object, overrides: Partial<NewTask> = {}): Promise<string> {
    // A queue of its own: those that ended before may be retried.
    const queue = `ending-${++ended}`
    const id = await calls.submit({ queue, ...overrides })
    const task = await calls.claim({ queues: [queue] })
    assert.equal(task.id, id)
    await calls.settle(task, outcome)
    return id
  }

  return calls
}

/** Again for as long as somebody else, such as autovacuum, uses the tables. */
export async function unlessLocked<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isLocked(error)) throw error
    }
  }
}

export const LONG_CLAIM: ClaimParams = { ...CLAIM, limit: 1, leaseMs: 300 * DAY }

export const FAILED = {
  outcome: 'failed',
  error: { code: 'broken', message: 'It broke' },
  retryable: false,
  retryDelayMs: null,
  jitter: 0,
}
