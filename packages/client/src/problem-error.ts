import { ERRORS, type ErrorCode, TaskyardError, type Violation } from '@taskyard/core'

interface ProblemDocument {
  readonly code?: unknown
  readonly detail?: unknown
  readonly errors?: unknown
}

/**
 * The error of an answer that is not a success. Of a problem document (RFC 9457) it keeps code, words and violations;
 * an answer from something else on the way (a proxy's page) is judged by its status.
 */
export function errorOfAnswer(status: number, body: string, url: string): TaskyardError {
  const problem = parseProblem(body)
  const code = knownCode(problem?.code) ?? codeOfStatus(status)
  const detail = typeof problem?.detail === 'string' ? problem.detail : `${url} answered ${status}`
  const error = new TaskyardError(code, { url, reason: detail }, { violations: violationsOf(problem?.errors) })
  if (typeof problem?.detail === 'string') error.message = problem.detail
  return error
}

function parseProblem(body: string): ProblemDocument | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

function knownCode(code: unknown): ErrorCode | null {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : null
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 408 || status === 502 || status === 503 || status === 504) return 'connection_failed'
  if (status === 413) return 'too_large'
  if (status === 429) return 'rate_limited'
  return status >= 400 && status < 500 ? 'invalid_request' : 'internal'
}

function violationsOf(errors: unknown): readonly Violation[] {
  if (!Array.isArray(errors)) return []
  return errors.map((entry: Partial<Violation> | null) => ({
    path: String(entry?.path ?? ''),
    message: String(entry?.message ?? ''),
  }))
}
