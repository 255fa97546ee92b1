import type { LeasedTaskDocument, TaskError, TaskOutcome } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import type { AbortCode } from './task-aborted.ts'

/** What became of an attempt. */
export interface AttemptEnd {
  readonly task: LeasedTaskDocument
  /** The outcome that was accepted; `lost`: none was, the lease was over or the outcome was refused. */
  readonly outcome: TaskOutcome['outcome'] | 'lost'
  /** Why it failed. */
  readonly error: TaskError | null
  /** Why the signal of its handler aborted, if it did. */
  readonly aborted: AbortCode | null
}

/** @param status the server's answer to the outcome; `lost` also when none was sent */
export function attemptEnd({ task, outcome, abortCode }: Attempt, status: 'ok' | 'lost'): AttemptEnd {
  if (status === 'lost' || outcome === null) return { task, outcome: 'lost', error: null, aborted: abortCode }
  return { task, outcome: outcome.outcome, error: outcome.error ?? null, aborted: abortCode }
}
