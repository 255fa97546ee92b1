import {
  fitsBytes,
  type JsonText,
  LIMITS,
  nestsDeeperThan,
  nounOf,
  type TaskError,
  type TaskFailure,
  type TaskOutcome,
  toJsonText,
} from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { describeError, isTaskFailure } from './describe-error.ts'

/**
 * The outcome of a handler that returned. The result is written down here and now: whatever becomes of its objects later
 * changes nothing. One that cannot be kept fails the attempt for good.
 */
export function outcomeOfResult(attempt: Attempt, value: unknown): TaskOutcome {
  if (attempt.abortCode !== null) return outcomeOfAbort(attempt)
  const { taskId, token } = leaseOf(attempt)
  if (value === undefined) return { taskId, token, outcome: 'succeeded' }
  const result = jsonTextOrNull(value)
  const error = resultError(value, result)
  if (result !== null && error === null) return { taskId, token, outcome: 'succeeded', result }
  return { taskId, token, outcome: 'failed', error: error ?? notJson(value), retryable: false }
}

/** The outcome of a handler that threw. Anything can be thrown, even what throws when looked at. */
export function outcomeOfError(attempt: Attempt, thrown: unknown): TaskOutcome {
  if (attempt.abortCode !== null) return outcomeOfAbort(attempt)
  const lease = leaseOf(attempt)
  try {
    const error = describeError(thrown)
    if (!isTaskFailure(thrown)) return { ...lease, outcome: 'failed', error }
    return { ...lease, outcome: 'failed', error, ...retryOptionsOf(thrown) }
  } catch {
    const message = `the handler threw ${nounOf(thrown)} that cannot be described`
    return { ...lease, outcome: 'failed', error: { code: 'error', message } }
  }
}

/** Not run at all, or not to its end: the try is given back. */
export function releasedOutcome(attempt: Attempt): TaskOutcome {
  return { ...leaseOf(attempt), outcome: 'released' }
}

/** @param retryable `false`: no further attempt, however many are left */
export function failedOutcome(attempt: Attempt, error: TaskError, retryable: boolean): TaskOutcome {
  return { ...leaseOf(attempt), outcome: 'failed', error, retryable }
}

/**
 * What an abort makes of the attempt, however its handler ended: one that stops early by a plain `return` must not
 * count as a success.
 */
export function outcomeOfAbort(attempt: Attempt): TaskOutcome {
  switch (attempt.abortCode) {
    case 'cancelled':
      return { ...leaseOf(attempt), outcome: 'cancelled' }
    case 'timeout':
      return failedOutcome(attempt, timeoutError(attempt.task.timeoutSeconds), true)
    case 'lease_lost':
    case 'shutting_down':
    case null:
      return releasedOutcome(attempt)
  }
}

function leaseOf({ task }: Attempt): { taskId: string; token: number } {
  return { taskId: task.id, token: task.lease.token }
}

function timeoutError(timeoutSeconds: number | null): TaskError {
  return { code: 'timeout', message: `The attempt ran longer than its ${timeoutSeconds} s` }
}

function resultError(value: unknown, text: JsonText | null): TaskError | null {
  if (text === null) return notJson(value)
  if (!fitsBytes(text, LIMITS.resultBytes)) {
    const message = `The result is ${Buffer.byteLength(text)} bytes of JSON, the limit is ${LIMITS.resultBytes}`
    return { code: 'result_too_large', message }
  }
  if (!nestsDeeperThan(text, LIMITS.resultDepth)) return null
  return { code: 'too_deep', message: `The result nests deeper than ${LIMITS.resultDepth} levels` }
}

function notJson(value: unknown): TaskError {
  return { code: 'result_not_json', message: `The result, ${nounOf(value)}, has no JSON form` }
}

function jsonTextOrNull(value: unknown): JsonText | null {
  try {
    return toJsonText(value)
  } catch {
    return null
  }
}

/** What a `TaskFailure` asks for, as far as it makes sense: it may come from a copy of the class, with any values. */
function retryOptionsOf({
  retryable,
  retryDelaySeconds,
}: TaskFailure): Pick<TaskOutcome, 'retryable' | 'retryDelaySeconds'> {
  const options = { retryable: retryable !== false }
  if (typeof retryDelaySeconds !== 'number' || !(retryDelaySeconds >= 0)) return options
  return { ...options, retryDelaySeconds: Math.min(retryDelaySeconds, LIMITS.delaySeconds) }
}
