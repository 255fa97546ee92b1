import { LIMITS, type TaskError, TaskFailure, type TaskOutcome } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { truncateUtf8 } from './truncate.ts'

const MESSAGE_BYTES = 4096
const STACK_BYTES = 8192
const ERROR_WORD = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** The outcome of a handler that returned. A result that cannot be kept fails the attempt for good. */
export function outcomeOfResult(attempt: Attempt, value: unknown): TaskOutcome {
  if (attempt.abortCode !== null) return outcomeOfAbort(attempt)
  const { taskId, token } = leaseOf(attempt)
  if (value === undefined) return { taskId, token, outcome: 'succeeded' }
  const error = resultError(value)
  if (error === null) return { taskId, token, outcome: 'succeeded', result: value }
  return { taskId, token, outcome: 'failed', error, retryable: false }
}

/** The outcome of a handler that threw. Anything can be thrown, even what throws when looked at. */
export function outcomeOfError(attempt: Attempt, thrown: unknown): TaskOutcome {
  if (attempt.abortCode !== null) return outcomeOfAbort(attempt)
  const lease = leaseOf(attempt)
  try {
    const error = describeError(thrown)
    if (!isTaskFailure(thrown)) return { ...lease, outcome: 'failed', error }
    const { retryable, retryDelaySeconds } = thrown
    const failed = { ...lease, outcome: 'failed', error, retryable } as const
    if (retryDelaySeconds === null || !(retryDelaySeconds >= 0)) return failed
    return { ...failed, retryDelaySeconds: Math.min(retryDelaySeconds, LIMITS.delaySeconds) }
  } catch {
    const message = `the handler threw a ${typeof thrown} that cannot be described`
    return { ...lease, outcome: 'failed', error: { code: 'error', message } }
  }
}

/** Not run at all, or not to its end: the try is given back. */
export function releasedOutcome(attempt: Attempt): TaskOutcome {
  return { ...leaseOf(attempt), outcome: 'released' }
}

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

function resultError(value: unknown): TaskError | null {
  if (isSmallPrimitive(value)) return null
  const text = jsonTextOrNull(value)
  if (text === null) return { code: 'result_not_json', message: `The result, a ${typeof value}, has no JSON form` }
  if (text.length * 3 <= LIMITS.resultBytes || Buffer.byteLength(text) <= LIMITS.resultBytes) return null
  const message = `The result is ${Buffer.byteLength(text)} bytes of JSON, the limit is ${LIMITS.resultBytes}`
  return { code: 'result_too_large', message }
}

function jsonTextOrNull(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null
  } catch {
    return null
  }
}

function isSmallPrimitive(value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return true
  return typeof value === 'string' && value.length < 65_536
}

function describeError(thrown: unknown): TaskError {
  const message = truncateUtf8(messageOf(thrown), MESSAGE_BYTES)
  if (!(thrown instanceof Error)) return { code: 'error', message }
  const own = 'code' in thrown ? thrown.code : undefined
  const code = typeof own === 'string' && ERROR_WORD.test(own) ? own : 'error'
  if (typeof thrown.stack !== 'string') return { code, message }
  return { code, message, stack: truncateUtf8(thrown.stack, STACK_BYTES) }
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return String(thrown.message)
  return typeof thrown === 'object' ? (JSON.stringify(thrown) ?? 'undefined') : String(thrown)
}

// A handler may come with its own copy of the core package, so the class alone does not tell.
function isTaskFailure(thrown: unknown): thrown is TaskFailure {
  if (thrown instanceof TaskFailure) return true
  return (
    thrown instanceof Error && thrown.name === 'TaskFailure' && 'retryable' in thrown && 'retryDelaySeconds' in thrown
  )
}
