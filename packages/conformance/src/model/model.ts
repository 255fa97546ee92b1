import assert from 'node:assert/strict'
import { isTerminal, type NewTask, type OpenedStore, type QueueCounts, type Task, type TaskEvent } from '@taskyard/core'
import { emptyReferenceState, type ReferenceState } from '../reference/reference-state.ts'
import { createReferenceStore } from '../reference/reference-store.ts'
import type { ReferenceTask } from '../reference/reference-task.ts'
import type { SimulatedClock } from '../simulated-clock.ts'
import type { StoreCapabilities } from '../suite.ts'
import { wholeHistory } from '../test-bed.ts'

/** What the store should be like. It moves by the same calls, and follows the store where the port leaves a choice. */
export interface Model {
  readonly clock: SimulatedClock
  readonly capabilities: StoreCapabilities
  readonly state: ReferenceState
  readonly store: OpenedStore
  readonly submitted: NewTask[]
  /** Every lease ever given out: most are stale, which is the point. */
  readonly leases: ModelLease[]
  /** What histories the store has shown so far, by task. */
  readonly shown: Map<string, readonly TaskEvent[]>
}

export interface ModelLease {
  readonly taskId: string
  readonly modelToken: number
  readonly realToken: number
  /** How it was first settled; `null` while it is held, or when it ended without its worker's word. */
  settledAs: string | null
}

export interface Real {
  store: OpenedStore
  reopen(): Promise<OpenedStore>
}

/** A model without tasks, for a store without any on the same clock. */
export function createModel(clock: SimulatedClock, capabilities: StoreCapabilities): Model {
  const state = emptyReferenceState()
  const store = createReferenceStore(clock, state)
  return { clock, capabilities, state, store, submitted: [], leases: [], shown: new Map() }
}

/** All tasks and all counts are as the model says. */
export async function assertSame(model: Model, { store }: Real): Promise<void> {
  const taskIds = [...model.state.tasks.keys()]
  const [expected, found] = await Promise.all([
    model.store.reads.find({ namespace: 'default', taskIds }),
    store.reads.find({ namespace: 'default', taskIds }),
  ])
  assert.deepEqual(found.map(comparable), expected.map(comparable))
  const every = { namespace: 'default', queue: null }
  const [expectedCounts, counts] = await Promise.all([model.store.reads.counts(every), store.reads.counts(every)])
  // A queue that was only ever paused may be counted or not.
  const hasHadTasks = ({ queue }: QueueCounts) => expectedCounts.some((expected) => expected.queue === queue)
  assert.deepEqual(comparableCounts(counts.filter(hasHadTasks)), comparableCounts(expectedCounts))
}

/** The task's history has the model's events, and begins with all that was shown of it before. */
export async function assertSameHistory({ state, shown }: Model, { store }: Real, taskId: string): Promise<void> {
  const events = (await wholeHistory(store, taskId)) ?? []
  const before = shown.get(taskId) ?? []
  assert.deepEqual(events.slice(0, before.length), before, 'events never change')
  shown.set(taskId, events)
  assert.deepEqual(
    events.map(comparableEvent).filter(isFixed),
    (state.tasks.get(taskId)?.events ?? []).map(comparableEvent).filter(isFixed),
  )
}

/** Where the task is in its lane; of those that became ready with it in one millisecond, the port leaves the order open. */
export async function assertSamePosition(model: Model, store: OpenedStore, taskId: string): Promise<void> {
  const params = { namespace: 'default', taskId, atMost: 100 }
  const [expected, found] = [await model.store.reads.position(params), await store.reads.position(params)]
  const entry = model.state.tasks.get(taskId)
  if (expected === null || entry === undefined) return assert.equal(found, expected)
  const alike = [...model.state.tasks.values()].filter((other) => isLevel(other, entry))
  const earlier = alike.filter(({ arrival }) => arrival < entry.arrival).length
  const least = expected - earlier
  assert.ok(found !== null && found >= least && found < least + alike.length, `${found} is not from ${least} on`)
}

function isLevel({ task, readyAt }: ReferenceTask, other: ReferenceTask): boolean {
  const { queue, type, priority } = other.task
  const isReady = task.status === 'queued' || (task.status === 'scheduled' && readyAt === other.readyAt)
  return (
    isReady && readyAt === other.readyAt && task.queue === queue && task.type === type && task.priority === priority
  )
}

function comparableEvent({ kind, at }: TaskEvent): string {
  return `${kind} ${at}`
}

/** An expired lease that ends the task may be told as two events or as its end alone. */
function isFixed(event: string): boolean {
  return !event.startsWith('lease-expired')
}

/** What the port fixes for each status; the rest is the store's own business. */
export function comparable(task: Task | null): unknown {
  if (task === null) return null
  const { id, queue, type, status, priority, payload, attempt, crashes, progress } = task
  const { createdAt, finishedAt, idempotencyKey } = task
  const ofAttempts = { status, attempt, crashes, progress, finishedAt }
  const fixed = { id, queue, type, priority, payload, createdAt, idempotencyKey, ...ofAttempts }
  if (status === 'scheduled') return { ...fixed, runAt: task.runAt }
  if (status === 'running') {
    const { workerId, startedAt, cancelRequestedAt, error } = task
    return { ...fixed, workerId, startedAt, cancelRequestedAt, error }
  }
  if (isTerminal(status)) return { ...fixed, result: task.result, error: status === 'failed' && task.error?.code }
  return { ...fixed, result: task.result }
}

function comparableCounts(queues: readonly QueueCounts[]): unknown {
  return Object.fromEntries(
    queues.map(({ queue, paused, counts, oldestReadyAt, finishedTotal }) => [
      queue,
      { paused, counts: { ...counts }, waits: oldestReadyAt !== null, finishedTotal },
    ]),
  )
}
