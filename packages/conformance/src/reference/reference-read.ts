import {
  type CountsParams,
  type HoldersParams,
  isTerminal,
  type LeaseHolder,
  LIMITS,
  type ListParams,
  type PositionParams,
  type QueueCounts,
  type ReadyLane,
  TASK_STATUSES,
  type Task,
  type TaskFilter,
  type TaskPage,
  type TaskStatus,
  TaskyardError,
  untilBytes,
} from '@taskyard/core'
import { type ReferenceState, taskOf } from './reference-state.ts'
import {
  asRead,
  holderOf,
  laneKey,
  type ReferenceLane,
  type ReferenceLease,
  type ReferenceTask,
} from './reference-task.ts'

/** A page of tasks, newest first. @throws `TaskyardError` `invalid_request` for a cursor that is none of this list */
export function listTasks(state: ReferenceState, params: ListParams, now: number): TaskPage {
  const before = params.cursor === null ? Number.POSITIVE_INFINITY : arrivalOf(params.cursor)
  const matching = [...state.tasks.values()]
    .filter((entry) => entry.arrival < before && matches(asRead(entry, now), params))
    .sort((one, other) => other.arrival - one.arrival)
  const page = matching.slice(0, params.limit)
  const last = page.at(-1)
  return {
    items: page.map((entry) => asRead(entry, now)),
    nextCursor: last !== undefined && matching.length > page.length ? `after-${last.arrival}` : null,
  }
}

function arrivalOf(cursor: string): number {
  const digits = /^after-(\d+)$/.exec(cursor)?.[1]
  if (digits === undefined) throw new TaskyardError('invalid_request', { reason: 'the cursor is not one of this list' })
  return Number(digits)
}

function matches(task: Task, filter: TaskFilter): boolean {
  return (
    task.namespace === filter.namespace &&
    (filter.statuses === null || filter.statuses.includes(task.status)) &&
    (filter.type === null || task.type === filter.type) &&
    (filter.queue === null || task.queue === filter.queue) &&
    (filter.tag === null || task.tags.includes(filter.tag)) &&
    (filter.createdAfter === null || task.createdAt >= filter.createdAfter) &&
    (filter.createdBefore === null || task.createdAt < filter.createdBefore) &&
    (filter.errorCode === null || task.error?.code === filter.errorCode)
  )
}

/** The counts of each queue that has ever had a task, of one namespace; of one queue where `params` names it. */
export function countQueues(state: ReferenceState, params: CountsParams, now: number): readonly QueueCounts[] {
  return [...state.lanes.values()]
    .filter(({ namespace, queue }) => namespace === params.namespace && (params.queue ?? queue) === queue)
    .map((lane) => countLane(state, lane, now))
}

function countLane(state: ReferenceState, lane: ReferenceLane, now: number): QueueCounts {
  const entries = [...state.tasks.values()].filter((entry) => entry.lane === lane)
  const ready = entries.filter((entry) => asRead(entry, now).status === 'queued')
  return {
    queue: lane.queue,
    paused: state.paused.has(laneKey(lane)),
    counts: countByStatus(entries.map((entry) => asRead(entry, now).status)),
    oldestReadyAt: ready.length === 0 ? null : Math.min(...ready.map(({ readyAt }) => readyAt)),
    finishedTotal: lane.finishedTotal,
  }
}

function countByStatus(statuses: readonly TaskStatus[]): Readonly<Record<TaskStatus, number>> {
  const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, 0])) as Record<TaskStatus, number>
  for (const status of statuses) counts[status] += 1
  return counts
}

/** Who holds leases, by worker and server process, and between which times (ms) they end. */
export function leaseHolders(
  state: ReferenceState,
  { namespace: only }: HoldersParams,
  now: number,
): readonly LeaseHolder[] {
  const holders = new Map<string, LeaseHolder>()
  for (const { task, lease } of state.tasks.values()) {
    if (lease === null || task.namespace !== (only ?? task.namespace)) continue
    const { expiresAt } = lease
    const { workerId, nodeId, session } = lease.worker
    const key = JSON.stringify([task.namespace, workerId, nodeId])
    const others = holders.get(key)
    const { leases = 0, firstEnd = expiresAt, lastEnd = expiresAt, session: othersHaveOne = false } = others ?? {}
    const alive = isAlive(state, { task }, lease, now)
    const { namespace } = task
    holders.set(key, {
      workerId,
      nodeId,
      session: session || othersHaveOne,
      namespace,
      alive,
      leases: leases + 1,
      firstEnd: Math.min(firstEnd, expiresAt),
      lastEnd: Math.max(lastEnd, expiresAt),
    })
  }
  return [...holders.values()]
}

/** A server process whose beat holds is the worker's own node, or names the worker. */
export function isAlive(
  { nodes }: ReferenceState,
  entry: Pick<ReferenceTask, 'task'>,
  lease: ReferenceLease,
  now: number,
): boolean {
  const holder = holderOf(entry, lease)
  return nodes
    .entries()
    .some(([node, { until, workers }]) => until > now && (node === lease.worker.nodeId || workers.has(holder)))
}

/** How many ready tasks of its lane are before one, paused or not; `null`: it is not ready. */
export function positionOf(
  state: ReferenceState,
  { namespace, taskId, atMost }: PositionParams,
  now: number,
): number | null {
  const entry = taskOf(state, namespace, taskId)
  if (entry === undefined || asRead(entry, now).status !== 'queued') return null
  const { queue, type } = entry.task
  const isOfLane = ({ task }: ReferenceTask) =>
    task.namespace === namespace && task.queue === queue && task.type === type
  return Math.min(atMost, readyTasks(state, now).filter(isOfLane).sort(inOrder).indexOf(entry))
}

/** Each queue and type of a namespace that has a ready task. */
export function lanesWithReady(state: ReferenceState, namespace: string, now: number): readonly ReadyLane[] {
  const lanes = readyTasks(state, now)
    .filter(({ task }) => task.namespace === namespace)
    .map(({ task: { queue, type } }) => ({ namespace, queue, type }))
  return [...new Map(lanes.map((lane) => [JSON.stringify(lane), lane])).values()]
}

function readyTasks(state: ReferenceState, now: number): readonly ReferenceTask[] {
  return [...state.tasks.values()].filter((entry) => asRead(entry, now).status === 'queued')
}

function inOrder(one: ReferenceTask, other: ReferenceTask): number {
  return other.task.priority - one.task.priority || one.readyAt - other.readyAt || one.arrival - other.arrival
}

/** Ready tasks in the order of a claim, up to the one that fills its answer. */
export function readyInOrder(
  state: ReferenceState,
  wanted: { namespace: string; queues: readonly string[] | null; types: readonly string[] | null },
  now: number,
): readonly ReferenceTask[] {
  const ready = readyTasks(state, now)
    .filter((entry) => !state.paused.has(laneKey(entry.task)))
    .filter(({ task }) => task.namespace === wanted.namespace && (wanted.queues?.includes(task.queue) ?? true))
    .filter(({ task }) => wanted.types === null || wanted.types.includes(task.type))
    .sort(inOrder)
  return untilBytes(ready, LIMITS.claimBytes, ({ task }) => Buffer.byteLength(task.payload))
}

/** Finished tasks, the longest finished first. */
export function finishedInOrder(state: ReferenceState): readonly ReferenceTask[] {
  return [...state.tasks.values()]
    .filter(({ task }) => isTerminal(task.status))
    .sort((one, other) => (one.task.finishedAt ?? 0) - (other.task.finishedAt ?? 0))
}
