import type { Clock } from '@taskyard/core'

/** The task was cancelled or timed out while the exchange was under way. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError'
}

export interface Deadline {
  /** Aborts when the time is over or the outer signal aborts. */
  readonly signal: AbortSignal
  passed(): boolean
  /** Tells a failure that the outer signal caused, by rejecting with `AbandonedError`, from one of the work itself. */
  guard<Result>(work: Promise<Result>): Promise<Result>
  clear(): void
}

/** @param outer aborts when the task is cancelled or its attempt ends; `clear` must be called in the end */
export function startDeadline(clock: Clock, afterMs: number, outer: AbortSignal): Deadline {
  const timeout = new AbortController()
  const callOff = clock.after(afterMs, () => timeout.abort())
  return {
    signal: AbortSignal.any([outer, timeout.signal]),
    passed: () => timeout.signal.aborted,
    async guard(work) {
      try {
        return await work
      } catch (error) {
        throw outer.aborted ? new AbandonedError('The exchange was abandoned', { cause: error }) : error
      }
    },
    clear: callOff,
  }
}
