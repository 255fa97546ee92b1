import { ERRORS } from '@taskyard/core'

export const problemSchema = {
  $id: 'Problem',
  type: 'object',
  description: 'A problem document (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable', 'definite'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened and what to do.' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string', format: 'json-pointer' }, message: { type: 'string' } },
      },
    },
    retryable: { type: 'boolean', description: 'The same call can succeed later.' },
    definite: { type: 'boolean', description: 'The call certainly had no effect.' },
  },
} as const

const problem = (description: string) =>
  ({ description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } }) as const

const PROBLEMS = {
  400: problem('The request is malformed'),
  403: problem('The request comes from a page of another site, or under an unknown name'),
  404: problem('There is no such thing'),
  409: problem('The state of the task does not allow it'),
  413: problem('The body or the batch is too large'),
  415: problem('The body is not application/json'),
  422: problem('The content is refused'),
  429: problem('Too many requests, or the queue is full'),
  503: problem('The server cannot serve now'),
} as const

/** The problems a route can answer with, beside its own responses. */
export function problems(...statuses: (keyof typeof PROBLEMS)[]): Record<number, object> {
  const all = [403, ...statuses] as const
  return Object.fromEntries(all.map((status) => [status, PROBLEMS[status]]))
}

export const BODY_PROBLEMS = [400, 413, 415, 503] as const
