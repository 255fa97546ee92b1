import assert from 'node:assert/strict'
import {
  type CancelOutcome,
  type ClaimParams,
  type Clock,
  DEFAULT_RETENTION,
  type DeleteOutcome,
  type EnqueueOutcome,
  type EnqueueParams,
  type ExtendStatus,
  type JsonText,
  type LeasedTask,
  type LeaseRef,
  type LeaseStatus,
  type ListParams,
  type NewsPort,
  type NewTask,
  type OpenedStore,
  type QueueCounts,
  type RetryOutcome,
  type Settlement,
  type SettleResult,
  type SweepParams,
  type SweepReport,
  type Task,
  type TaskEvent,
  type TaskFilter,
  type TypeWithDefaults,
  type WorkerName,
  type WorkerRef,
} from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import type { SimulatedClock } from './simulated-clock.ts'
import type { ServerUnderTest } from './store-under-test.ts'

/** Every outcome a settlement can have, without the lease it is for. */
export type Outcome = Settlement extends infer Each
  ? Each extends Settlement
    ? Omit<Each, keyof LeaseRef>
    : never
  : never

/** The calls of the port on one store, with everything filled in that a test does not care about. */
export interface Calls {
  readonly store: OpenedStore
  newTask(overrides?: Partial<NewTask>): NewTask
  enqueue(submissions: readonly (readonly NewTask[])[], queueDepth?: number): Promise<readonly EnqueueOutcome[]>
  /** Submits one task, which must be accepted, and gives its id. */
  submit(overrides?: Partial<NewTask>): Promise<string>
  claim(overrides?: Partial<ClaimParams>): Promise<readonly LeasedTask[]>
  /** Claims one task; there must be one. */
  claimOne(overrides?: Partial<ClaimParams>): Promise<LeasedTask>
  /** Submits and claims a task, in a queue of its own so that nothing else is claimed. */
  start(overrides?: Partial<NewTask>, claim?: Partial<ClaimParams>): Promise<LeasedTask>
  settle(task: LeasedTask, outcome: Outcome): Promise<SettleResult>
  extend(task: LeasedTask, leaseMs?: number): Promise<ExtendStatus>
  record(task: LeasedTask, entry: { progress?: unknown; log?: string }): Promise<LeaseStatus>
  cancel(taskId: string): Promise<CancelOutcome>
  retry(taskId: string): Promise<RetryOutcome>
  delete(taskId: string): Promise<DeleteOutcome>
  sweep(overrides?: Partial<SweepParams>): Promise<SweepReport>
  /** The task, which must exist. */
  find(taskId: string): Promise<Task>
  listAll(filter?: Partial<ListParams>): Promise<readonly Task[]>
  events(taskId: string): Promise<readonly TaskEvent[]>
  /** The counts of a queue that has had a task. */
  counts(queue?: string): Promise<QueueCounts>
}

/** A fresh store and the time it lives in: simulated, unless it was opened in real time. */
export interface TestBed extends Calls {
  readonly clock: SimulatedClock
  /** News between processes; only of a store that is shared. */
  readonly news: NewsPort
  /** The server behind the store; only where it was opened with one of its own. */
  readonly server: ServerUnderTest
  reopen(): Promise<void>
  /** As a server of the version before does it. */
  declareAsBefore(namespace: string, declared: TypeWithDefaults): Promise<void>
  /** What another server process sees and does; only of a store that is shared. */
  openAnother(clock?: Clock): Promise<OtherProcess>
  destroy(): Promise<void>
}

export interface OtherProcess extends Calls {
  readonly news: NewsPort
}

/** A success; without a result unless one is given. */
export const succeeded = (result: JsonText | null = null): Outcome => ({ outcome: 'succeeded', result })
export const cancelled: Outcome = { outcome: 'cancelled' }
export const released: Outcome = { outcome: 'released' }

/** A failure that may be retried, after its backoff, unless told otherwise. */
export function failed(overrides: Partial<Extract<Outcome, { outcome: 'failed' }>> = {}): Outcome {
  const error = { code: 'broken', message: 'It broke' }
  return { outcome: 'failed', error, retryable: true, retryDelayMs: null, jitter: 0.5, ...overrides }
}

export const EVERYTHING: TaskFilter = {
  namespace: 'default',
  statuses: null,
  type: null,
  queue: null,
  tag: null,
  createdAfter: null,
  createdBefore: null,
  errorCode: null,
}

export const CLAIM: ClaimParams = {
  namespace: 'default',
  queues: ['default'],
  types: null,
  limit: 10,
  leaseMs: 30_000,
  worker: { workerId: 'worker-1', nodeId: null, session: false },
  requestId: null,
}

/** The worker of `CLAIM`, with a session. */
export const SESSION_WORKER: WorkerRef = { ...CLAIM.worker, session: true }

export const SWEEP: SweepParams = { cancelGraceMs: 10_000, retention: DEFAULT_RETENTION, limit: 1000, jitter: 0.5 }

/** Makes new tasks as the engine fills them in, each with an id of its own. */
export function taskMaker(clock: Clock): Calls['newTask'] {
  const nextId = createUuidV7Generator(clock)
  return (overrides = {}) => ({
    id: nextId(),
    namespace: 'default',
    queue: 'default',
    type: 'test',
    payload: '{}' as JsonText,
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 10,
    backoff: { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 },
    timeoutSeconds: null,
    tags: [],
    idempotency: null,
    ...overrides,
  })
}

/** What submits these tasks, each by itself, to queues with room for all. */
export function submissions(...tasks: readonly NewTask[]): EnqueueParams {
  return { submissions: tasks.map((task) => ({ tasks: [task] })), queueDepth: 1_000_000 }
}

/** The calls of the port on a store. */
export function callsOn(storeNow: () => OpenedStore, newTask: Calls['newTask']): Calls {
  const namespace = 'default'
  const calls: Calls = {
    get store() {
      return storeNow()
    },
    newTask,
    async enqueue(submissions, queueDepth = 1_000_000) {
      const outcomes = await storeNow().tasks.enqueue({
        submissions: submissions.map((tasks) => ({ tasks })),
        queueDepth,
      })
      const again = submissions.filter((_, i) => outcomes[i]?.kind === 'idempotency-key-held')
      if (again.length === 0) return outcomes
      const answers = [...(await calls.enqueue(again, queueDepth))]
      return outcomes.map((outcome) => (outcome.kind === 'idempotency-key-held' ? (answers.shift() as never) : outcome))
    },
    async submit(overrides) {
      const outcome = only(await calls.enqueue([[newTask(overrides)]]))
      assert.equal(outcome.kind, 'accepted')
      return only(outcome.tasks).id
    },
    claim: (overrides) => storeNow().tasks.claim({ ...CLAIM, ...overrides }),
    claimOne: async (overrides) => only(await calls.claim({ limit: 1, ...overrides })),
    async start(overrides = {}, claim = {}) {
      const { id, queue, namespace } = newTask({ queue: `queue-${newTask().id}`, ...overrides })
      await calls.submit({ ...overrides, id, queue })
      return calls.claimOne({ namespace, queues: [queue], ...claim })
    },
    async settle(task, outcome) {
      const settlements = [{ ...leaseRef(task), ...outcome }]
      return only((await storeNow().tasks.settle({ namespace: task.namespace, settlements, claim: null })).results)
    },
    extend: async (task, leaseMs = 30_000) =>
      only(await storeNow().tasks.extend({ namespace: task.namespace, leases: [leaseRef(task)], leaseMs })),
    async record(task, { progress = null, log = null }) {
      const text = progress === null ? null : (JSON.stringify(progress) as JsonText)
      const entries = [{ ...leaseRef(task), progress: text, log }]
      return only(await storeNow().tasks.record({ namespace: task.namespace, entries }))
    },
    cancel: async (taskId) => only(await storeNow().tasks.cancel({ namespace, taskIds: [taskId] })),
    delete: async (taskId) => only(await storeNow().tasks.delete({ namespace, taskIds: [taskId] })),
    retry: async (taskId) => only(await storeNow().tasks.retry({ namespace, taskIds: [taskId] })),
    sweep: (overrides) => storeNow().upkeep.sweep({ ...SWEEP, ...overrides }),
    async find(taskId) {
      const task = only(await storeNow().reads.find({ namespace, taskIds: [taskId] }))
      assert.ok(task !== null, `task ${taskId} is gone`)
      return task
    },
    listAll: (filter = {}) => listAll(storeNow(), filter),
    async events(taskId) {
      const events = await wholeHistory(storeNow(), taskId)
      assert.ok(events !== null, `task ${taskId} has no history`)
      return events
    },
    counts: async (queue = 'default') => only(await storeNow().reads.counts({ namespace, queue })),
  }
  return calls
}

/** Follows the pages to the end, which only an empty one is; `null` when there is no such task. */
export async function wholeHistory(
  store: OpenedStore,
  taskId: string,
  namespace = 'default',
): Promise<readonly TaskEvent[] | null> {
  const events: TaskEvent[] = []
  for (;;) {
    const page = await store.reads.history({ namespace, taskId, after: events.at(-1)?.n ?? 0, limit: 1_000 })
    if (page === null) return null
    if (page.length === 0) return events
    assert.ok((page.at(-1)?.n ?? 0) > (events.at(-1)?.n ?? 0), 'a page goes beyond the one before')
    events.push(...page)
  }
}

/** Follows the pages to their end. */
async function listAll(store: OpenedStore, filter: Partial<ListParams>): Promise<readonly Task[]> {
  const tasks: Task[] = []
  let cursor: string | null = null
  do {
    const page = await store.reads.list({ ...EVERYTHING, limit: 200, ...filter, cursor })
    tasks.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return tasks
}

/** Workers of the default namespace. */
export function workersOf(...workerIds: readonly string[]): readonly WorkerName[] {
  return workerIds.map((workerId) => ({ namespace: 'default', workerId }))
}

/** What names the lease of a claimed task in later calls. */
export function leaseRef(task: LeasedTask): LeaseRef {
  return { taskId: task.id, token: task.lease.token }
}

/** The ids of tasks, in their order. */
export function idsOf(tasks: readonly { readonly id: string }[]): readonly string[] {
  return tasks.map(({ id }) => id)
}

/** The one item there must be. */
export function only<Item>(items: readonly Item[]): Item {
  assert.equal(items.length, 1, `expected one item, found ${items.length}`)
  return items[0] as Item
}
