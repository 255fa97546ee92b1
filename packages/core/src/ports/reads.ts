import type { Task, TaskStatus } from '../task.ts'
import type { TaskEvent } from '../task-event.ts'
import type { TaskIdsParams } from './tasks.ts'
import type { ReadyLane } from './wake-ups.ts'

/** What is known of tasks and queues. */
export interface ReadsPort {
  /** The tasks by id, `null` where there is none in this namespace. */
  find(params: TaskIdsParams): Promise<readonly (Task | null)[]>

  /**
   * One page, newest first. The work per call is bounded, so a page may hold fewer than `limit` items, even none, while
   * `nextCursor` is set: only a `null` cursor ends the list.
   * @throws TaskyardError `invalid_request` for a cursor that is not one of its own
   */
  list(params: ListParams): Promise<TaskPage>

  /**
   * A task's events with `n` greater than `after`, oldest first; `null` when there is no such task in this namespace. Bounded like `list`:
   * only an answer without events ends the history.
   */
  history(params: HistoryParams): Promise<readonly TaskEvent[] | null>

  /** Every queue that ever had a task, in O(queues), whatever the number of tasks. */
  counts(params: CountsParams): Promise<readonly QueueCounts[]>

  /**
   * How many ready tasks of its lane, which is those of its queue and type, claims give out before this one, counted up to `atMost`;
   * `null`: no task of this id in this namespace is ready.
   */
  position(params: PositionParams): Promise<number | null>

  /** The lanes of a namespace that have ready tasks, those of paused queues too; of more than `limit`, any of them. */
  readyLanes(params: ReadyLanesParams): Promise<readonly ReadyLane[]>
}

/** Which tasks are meant: all fields together, each of which filters nothing while it is `null`. */
export interface TaskFilter {
  readonly namespace: string
  /** In any of these. */
  readonly statuses: readonly TaskStatus[] | null
  readonly type: string | null
  readonly queue: string | null
  readonly tag: string | null
  /** Inclusive; ms. */
  readonly createdAfter: number | null
  /** Exclusive; ms. */
  readonly createdBefore: number | null
  /** The code of the task's `error`, as a reader sees it: of its end, or why the attempt before failed while it waits for the next. */
  readonly errorCode: string | null
}

export interface ListParams extends TaskFilter {
  readonly limit: number
  readonly cursor: string | null
}

export interface TaskPage {
  readonly items: readonly Task[]
  readonly nextCursor: string | null
}

export interface HistoryParams {
  readonly namespace: string
  readonly taskId: string
  readonly after: number
  readonly limit: number
}

export interface CountsParams {
  readonly namespace: string
  /** `null`: every queue. */
  readonly queue: string | null
}

export interface QueueCounts {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<TaskStatus, number>>
  /** Readiness of the task that has waited longest, ms; `null` when none waits. */
  readonly oldestReadyAt: number | null
  /** Tasks ever finished, which only rises: the difference of two readings is the throughput. */
  readonly finishedTotal: number
}

export interface PositionParams {
  readonly namespace: string
  readonly taskId: string
  readonly atMost: number
}

export interface ReadyLanesParams {
  readonly namespace: string
  readonly limit: number
}
