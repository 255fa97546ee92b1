import { ERRORS, type ErrorCode, problemType, TaskyardError, type Violation } from '@taskyard/core'
import { excerpt } from './excerpt.ts'

interface ProblemDocument {
  readonly type?: unknown
  readonly code?: unknown
  readonly detail?: unknown
  readonly errors?: unknown
  readonly retryable?: unknown
  readonly definite?: unknown
}

/** What was answered, and by whom it should have been. */
export interface Answer {
  readonly url: string
  readonly status: number
  readonly statusText: string
  readonly body: string
}

/**
 * The error of an answer that is not a success. Of a problem document of Taskyard (RFC 9457) it keeps code, words and
 * violations. Any other answer, whatever its status, comes from something on the way (a proxy, a load balancer without
 * a server behind it) and refuses nothing: it says that the server was not reached.
 */
export function errorOfAnswer(answer: Answer): TaskyardError {
  const problem = parseProblem(answer.body)
  const code = problem === null ? null : codeOf(problem)
  if (problem === null || code === null) return answeredInBetween(answer)
  const detail = typeof problem.detail === 'string' ? problem.detail : ERRORS[code].title
  return new TaskyardError(code, {}, { violations: violationsOf(problem.errors), message: detail })
}

/** Something that is not a Taskyard server answered in its place. */
export function answeredInBetween({ url, status, statusText, body }: Answer): TaskyardError {
  const words = statusText === '' ? `${status}` : `${status} ${statusText}`
  const text = body.trim() === '' ? 'with nothing more' : `"${excerpt(body)}"`
  const reason = `something that is no Taskyard server answered ${words}, ${text}`
  return new TaskyardError('connection_failed', { url, reason })
}

function parseProblem(body: string): ProblemDocument | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** A newer server may have codes that are unknown here: then its flags tell what they are worth. */
function codeOf({ type, code, retryable, definite }: ProblemDocument): ErrorCode | null {
  if (typeof code !== 'string' || type !== problemType(code)) return null
  if (Object.hasOwn(ERRORS, code)) return code as ErrorCode
  if (retryable === true) return definite === true ? 'shutting_down' : 'store_unavailable'
  return definite === true ? 'invalid_request' : 'internal'
}

function violationsOf(errors: unknown): readonly Violation[] {
  if (!Array.isArray(errors)) return []
  return errors.map((entry: Partial<Violation> | null) => ({
    path: String(entry?.path ?? ''),
    message: String(entry?.message ?? ''),
  }))
}
