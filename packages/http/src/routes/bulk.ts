import rateLimit from '@fastify/rate-limit'
import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../route-context.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import { type FilterFields, filterOf } from './tasks.ts'

/** Operations on every task that matches a filter. One call may touch millions, so each client gets few per minute. */
export async function bulkRoutes(server: FastifyInstance, { engine, limits }: RouteContext): Promise<void> {
  await server.register(rateLimit, {
    global: false,
    max: limits.bulkPerMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { ttl }) =>
      new TaskyardError('rate_limited', { retryAfterSeconds: Math.ceil(ttl / 1000) }),
  })
  const config = { rateLimit: {} }

  server.post<{ Body: FilterFields }>(
    '/api/v1/tasks/cancel',
    { config, schema: bulkSchema('cancelTasks', 'Cancel every matching task that has not ended') },
    async (request) => ({ matched: await engine.cancelMatching(filterOf(request.body)) }),
  )

  server.post<{ Body: FilterFields }>(
    '/api/v1/tasks/retry',
    { config, schema: bulkSchema('retryTasks', 'Retry every matching failed or cancelled task (default: failed)') },
    async (request) => ({ matched: await engine.retryMatching(filterOf(request.body)) }),
  )
}

function bulkSchema(operationId: string, summary: string) {
  return {
    operationId,
    tags: ['tasks'],
    summary,
    description: 'At least one filter field must be set. Rate-limited per client.',
    body: { $ref: 'BulkFilter#' },
    response: {
      200: {
        description: 'How many tasks it was',
        type: 'object',
        required: ['matched'],
        properties: { matched: { type: 'integer' } },
      },
      ...problems(...BODY_PROBLEMS, 429),
    },
  } as const
}
