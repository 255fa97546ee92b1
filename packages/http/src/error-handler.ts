import { type ErrorCode, LIMITS, TaskyardError } from '@taskyard/core'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorLog } from './options.ts'
import { PROBLEM_CONTENT_TYPE, type Problem, problemOf, problemWithStatus, retryAfterSeconds } from './problem.ts'
import { violationError } from './violations.ts'

export type ErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

/** Answers every error with a problem document. Unexpected ones are logged whole and told in general terms. */
export function createErrorHandler(log: ErrorLog, problemSent: (code: ErrorCode) => void): ErrorHandler {
  return (error, request, reply) => {
    const problem = describe(error, pathOf(request))
    if (problem.status >= 500 && problem.code === 'internal') {
      log.error({ err: error, method: request.method, url: request.url }, 'request failed unexpectedly')
    }
    problemSent(problem.code)
    sendProblem(reply, problem)
  }
}

function sendProblem(reply: FastifyReply, problem: Problem): void {
  const retryAfter = retryAfterSeconds(problem)
  if (retryAfter !== null && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfter)
  reply.code(problem.status).header('content-type', PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem))
}

/** The path of a request without its query, as a problem names it in `instance`. */
export function pathOf(request: FastifyRequest): string {
  const query = request.url.indexOf('?')
  return query === -1 ? request.url : request.url.slice(0, query)
}

function describe(error: unknown, instance: string): Problem {
  if (error instanceof TaskyardError) return problemOf(error, instance)
  const known = fromFastify(error as FastifyError)
  if (known instanceof TaskyardError) return problemOf(known, instance)
  if (known !== null) return { ...known, instance }
  return problemOf(new TaskyardError('internal', { reason: 'the server log says more' }), instance)
}

/** Fastify's own refusals in the words of the catalogue; `null` for what nobody foresaw. */
function fromFastify(error: FastifyError): TaskyardError | Problem | null {
  if (error.validation !== undefined) return violationError(error.validation, error.validationContext)
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new TaskyardError('too_large', { limit: LIMITS.bodyBytes })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return new TaskyardError('unsupported_media_type')
  }
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return null
  return problemWithStatus(statusCode, shortened(error.message))
}

/** A reason may quote what the client sent, which may be long. */
export function shortened(reason: string): string {
  return reason.length > 200 ? `${reason.slice(0, 200)}…` : reason
}
