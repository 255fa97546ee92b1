import {
  fitsBytes,
  type JsonLoss,
  type JsonText,
  LIMITS,
  losslessJson,
  nestsDeeperThan,
  nounOf,
  type TaskError,
  type TaskFailure,
  type TaskOutcome,
} from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { describeError, isTaskFailure } from './describe-error.ts'
import { truncateUtf8 } from './truncate.ts'

const PLACE_BYTES = 1024

/**
 * The outcome of a handler that returned. The result is written down here and now: whatever becomes of its objects later
 * changes nothing. One that cannot be kept fails the attempt for good.
 */
export function outcomeOfResult(attempt: Attempt, value: unknown): TaskOutcome {
  if (attempt.abortCode !== null) return outcomeOfAbort(attempt)
  const { taskId, token } = leaseOf(attempt)
  if (value === undefined) return { taskId, token, outcome: 'succeeded' }
  const result = losslessJson(value)
  const error = resultError(result)
  if (typeof result === 'string' && error === null) return { taskId, token, outcome: 'succeeded', result }
  return { taskId, token, outcome: 'failed', error: error as TaskError, retryable: false }
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

function resultError(result: JsonText | JsonLoss): TaskError | null {
  if (typeof result !== 'string') return { code: 'result_not_json', message: notKept(result) }
  if (!fitsBytes(result, LIMITS.resultBytes)) {
    const message = `The result is ${Buffer.byteLength(result)} bytes of JSON, the limit is ${LIMITS.resultBytes}`
    return { code: 'result_too_large', message }
  }
  if (!nestsDeeperThan(result, LIMITS.resultDepth)) return null
  return { code: 'too_deep', message: `The result nests deeper than ${LIMITS.resultDepth} levels` }
}

/** The place may be as long as the names in the result are. */
function notKept({ path, message }: JsonLoss): string {
  const place = path === '' ? '' : `, at ${truncateUtf8(path, PLACE_BYTES)}`
  return `The result would not be kept as it is${place}: ${truncateUtf8(message, PLACE_BYTES)}`
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
