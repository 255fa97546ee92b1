import type { TaskStatus } from './task.ts'

/** Why a task does not run. */
export interface TaskWaiting {
  readonly taskId: string
  readonly status: TaskStatus
  /** The most telling first: what does not pass by itself comes before what does. None once the task has ended. */
  readonly reasons: readonly WaitingReason[]
}

/** `message` is for people, and says what helps; the rest are its facts. Times are RFC 3339. */
export type WaitingReason = { readonly message: string } & (
  | { readonly code: 'queue_paused'; readonly queue: string }
  /** No known worker takes the type, from whatever queue. `knownTypes`: some of those that they take. */
  | { readonly code: 'no_worker'; readonly type: string; readonly knownTypes: readonly string[] }
  /** Workers take the type, but from other queues: some of these are told. */
  | {
      readonly code: 'other_queues'
      readonly queue: string
      readonly type: string
      readonly takenFrom: readonly string[]
    }
  /** It was asked to stop, and its worker has not yet said that it has. */
  | { readonly code: 'cancel_requested'; readonly workerId: string | null; readonly requestedAt: string }
  | { readonly code: 'running'; readonly workerId: string | null; readonly attempt: number; readonly startedAt: string }
  /** An attempt has failed, and the next is not due. */
  | {
      readonly code: 'backing_off'
      readonly attempt: number
      readonly maxAttempts: number
      readonly error: { readonly code: string; readonly message: string } | null
      readonly dueAt: string
    }
  | { readonly code: 'due_later'; readonly dueAt: string }
  /** Waits for other tasks. */
  | { readonly code: 'blocked' }
  /** Every worker that takes it runs as much as it does at a time; `leases`: what they run together. */
  | { readonly code: 'workers_busy'; readonly workers: number; readonly leases: number }
  /** Ready tasks of its queue and type that come first. `isAtLeast`: it may be more of them. */
  | { readonly code: 'behind_others'; readonly before: number; readonly isAtLeast: boolean }
  /** Nothing is in its way. `seenAgoSeconds`: when the worker that takes it and asked last did so. */
  | { readonly code: 'about_to_start'; readonly workers: number; readonly seenAgoSeconds: number }
)

/** Queues and types of one namespace that have ready tasks, and that nothing starts as things are. */
export interface StuckLanes {
  /** Some of them, each with what keeps its tasks. */
  readonly lanes: readonly { readonly queue: string; readonly type: string; readonly reason: WaitingReason }[]
  /** How many there are. */
  readonly total: number
  /** `false`: there were too many queues and types to look at all. */
  readonly isComplete: boolean
}
