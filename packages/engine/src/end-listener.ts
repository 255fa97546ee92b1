import type { Task, TerminalStatus } from '@taskyard/core'

/** Which ends of tasks somebody wants to hear of; what is left out filters nothing. */
export interface EndedTasksInterest {
  readonly status: TerminalStatus
  readonly type?: string
  readonly queue?: string
  readonly tag?: string
}

/** Told of ends of tasks. Must not throw. */
export interface EndListener {
  /** The task as it is now. */
  ended(task: Task): void
  /** Some were not told: too many at a time, a connection broke, or the store could not be read (`error`). */
  missed(error: unknown): void
}
