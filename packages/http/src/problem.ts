import { ERRORS, type ErrorCode, problemType, TaskyardError, type Violation, withoutFolders } from '@taskyard/core'

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8'
const RETRY_AFTER_SECONDS = 1

/** A problem document (RFC 9457). `retryable` and `definite` mean what they mean in the error catalogue. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly instance?: string
  readonly errors?: readonly Violation[]
  readonly retryable: boolean
  readonly definite: boolean
}

/** What a caller is told of an error. `instance` is the path of the request. */
export function problemOf(error: TaskyardError, instance?: string): Problem {
  return {
    type: problemType(error.code),
    title: error.title,
    status: error.status,
    // What went wrong here may name files of this machine; what was wrong with a request names places in it.
    detail: error.status >= 500 ? withoutFolders(error.message) : error.message,
    code: error.code,
    ...(instance === undefined ? {} : { instance }),
    ...(error.violations.length === 0 ? {} : { errors: error.violations }),
    retryable: error.retryable,
    definite: error.definite,
  }
}

/** Seconds after which a refused call is worth repeating, for `Retry-After`; `null` when that says nothing. */
export function retryAfterSeconds(problem: Problem): number | null {
  return problem.status === 429 || problem.status === 503 ? RETRY_AFTER_SECONDS : null
}

/** An `invalid_request` about one location. */
export function invalidRequest(path: string, message: string): TaskyardError {
  const reason = path === '' ? message : `${path} ${message}`
  return new TaskyardError('invalid_request', { reason }, { violations: [{ path, message }] })
}

/** A problem that has no code of its own, such as a header section that is too long (431). */
export function problemWithStatus(status: number, reason: string): Problem {
  return { ...problemOf(new TaskyardError('invalid_request', { reason })), status, title: ERRORS.invalid_request.title }
}
