import rateLimit from '@fastify/rate-limit'
import { TaskyardError } from '@taskyard/core'
import type { BulkPart } from '@taskyard/engine'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { RouteContext } from '../route-context.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import { type FilterFields, filterOf } from './tasks.ts'

type BulkBody = FilterFields & { dryRun?: boolean; cursor?: string }

/**
 * Operations on every task that matches a filter. One may touch millions, so each client gets few calls per minute, and a
 * call that takes long answers with where it is.
 */
export async function bulkRoutes(server: FastifyInstance, context: RouteContext): Promise<void> {
  const { inNamespaceOf, limits, lifecycle } = context
  await server.register(rateLimit, {
    global: false,
    max: limits.bulkPerMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { ttl }) =>
      new TaskyardError('rate_limited', { retryAfterSeconds: Math.ceil(ttl / 1000) }),
  })
  const config = { rateLimit: {} }

  server.post<{ Body: BulkBody }>(
    '/api/v1/tasks/cancel',
    { config, schema: bulkSchema('cancelTasks', 'Cancel every matching task that has not ended') },
    async (request, reply) => {
      const { filter, options } = readBody(request.body, reply)
      return partOf(reply, await inNamespaceOf(request).cancelMatching(filter, options))
    },
  )

  server.post<{ Body: BulkBody }>(
    '/api/v1/tasks/retry',
    { config, schema: bulkSchema('retryTasks', 'Retry every matching failed or cancelled task (default: failed)') },
    async (request, reply) => {
      const { filter, options } = readBody(request.body, reply)
      return partOf(reply, await inNamespaceOf(request).retryMatching(filter, options))
    },
  )

  server.post<{ Body: BulkBody }>(
    '/api/v1/tasks/delete',
    { config, schema: bulkSchema('deleteTasks', 'Delete every matching task that has ended') },
    async (request, reply) => {
      const { filter, options } = readBody(request.body, reply)
      return partOf(reply, await inNamespaceOf(request).deleteMatching(filter, options))
    },
  )

  function readBody({ dryRun = false, cursor, ...filter }: BulkBody, reply: FastifyReply) {
    const signal = lifecycle.untilDisconnect(reply)
    const options = { dryRun, seconds: limits.bulkSeconds, signal, ...(cursor === undefined ? undefined : { cursor }) }
    return { filter: filterOf(filter), options }
  }
}

function partOf(reply: FastifyReply, { matched, cursor }: BulkPart): object {
  if (cursor === null) return { matched }
  reply.code(202)
  return { matched, done: false, cursor }
}

function bulkSchema(operationId: string, summary: string) {
  return {
    operationId,
    tags: ['tasks'],
    summary,
    description:
      'At least one filter field must be set. Rate-limited per client. What takes longer than about 20 s is answered 202 ' +
      'when a part is done: the same call with its cursor goes on.',
    body: { $ref: 'BulkFilter#' },
    response: {
      200: {
        description: 'It is done: how many tasks it was, or in the last part',
        type: 'object',
        required: ['matched'],
        properties: { matched: { type: 'integer' } },
      },
      202: {
        description:
          'A part is done: how many tasks it was in this one. Call again with the same filter and the cursor',
        type: 'object',
        required: ['matched', 'done', 'cursor'],
        properties: {
          matched: { type: 'integer' },
          done: { type: 'boolean', const: false },
          cursor: { type: 'string' },
        },
      },
      ...problems(...BODY_PROBLEMS, 429),
    },
  } as const
}
