import type { LeasedTaskDocument, OutcomeAnswer, TaskError, TaskStatus } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import type { AbortCode } from './task-aborted.ts'

/** What became of an attempt. */
export interface AttemptEnd {
  readonly task: LeasedTaskDocument
  /** Where the task went; `null`: no outcome was taken, as the lease was over. */
  readonly taskStatus: TaskStatus | null
  /** When the next attempt is due, of a task that is `scheduled`. */
  readonly runAt: string | null
  /** Why it failed. */
  readonly error: TaskError | null
  /** Why the signal of its handler aborted, if it did. */
  readonly aborted: AbortCode | null
}

/** @param answer of the server to the outcome; `lost` also when none was sent */
export function attemptEnd({ task, outcome, abortCode }: Attempt, answer: OutcomeAnswer): AttemptEnd {
  if (answer.status === 'lost') return { task, taskStatus: null, runAt: null, error: null, aborted: abortCode }
  const { taskStatus, runAt = null } = answer
  return { task, taskStatus, runAt, error: outcome?.error ?? null, aborted: abortCode }
}
