import type { TaskStatus } from '../task.ts'

/**
 * Best-effort word about tasks, between everybody who uses a store. Whoever needs to be right looks for himself now and then:
 * what is lost costs time, never correctness.
 */
export interface NewsPort {
  /** Tells whoever listens for it: in this process at once, in others soon. What nobody listens for goes nowhere. */
  publish(message: NewsMessage): void
  /**
   * Calls `listener` with what is of this interest, until the returned function is called. In another process it takes a moment,
   * and some seconds at the worst, until it is known that somebody here listens.
   */
  subscribe(interest: NewsInterest, listener: NewsListener): () => void
  /** Whether anybody, here or elsewhere, listens for tasks that come to this status. So cheap that every change may ask. */
  isHeard(status: TaskStatus): boolean
}

export type NewsListener = (message: NewsMessage | NewsMissed) => void

export type NewsMessage = TaskChanged | TaskRecorded | CancelRequested

/** A task came to a status. Of changes in quick succession only the newest may be told. */
export interface TaskChanged {
  readonly kind: 'changed'
  readonly taskId: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly status: TaskStatus
  /** `null`: not known where it was told. */
  readonly tags: readonly string[] | null
}

/** A running task has progress or a line in its log: told to those alone who listen for this one task. */
export interface TaskRecorded {
  readonly kind: 'recorded'
  readonly taskId: string
  readonly namespace: string
}

/** Has a channel of its own: it is not dropped for other news, however much of that there is. */
export interface CancelRequested {
  readonly kind: 'cancel-requested'
  readonly taskId: string
  readonly namespace: string
  readonly workerId: string
}

/** Some of what was of interest was not told: too much at a time, or a connection broke. Look again. */
export interface NewsMissed {
  readonly kind: 'missed'
}

export type NewsInterest =
  | { readonly of: 'task'; readonly taskId: string; readonly namespace: string }
  | ({ readonly of: 'tasks' } & TasksOfInterest)
  | { readonly of: 'cancel-requests' }

/** What is left out filters nothing. */
export interface TasksOfInterest {
  readonly namespace?: string
  readonly queue?: string
  readonly type?: string
  /** A message whose tags are not known is told, too: the task has to be looked at. */
  readonly tag?: string
  /** Those that a task comes to; of one that leaves them nothing is told. */
  readonly statuses?: readonly TaskStatus[]
}
