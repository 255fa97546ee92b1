import type { FastifyInstance } from 'fastify'
import type { IdParams, RouteContext } from '../route-context.ts'
import { idParams } from '../schemas/parameters.ts'
import { problems } from '../schemas/problem.ts'

/** Why tasks do not run: one of them, and all that nothing starts. */
export function waitingRoutes(server: FastifyInstance, { inNamespaceOf }: RouteContext): void {
  server.get<{ Params: IdParams }>('/api/v1/tasks/:id/waiting', { schema: waitingSchema }, (request) =>
    inNamespaceOf(request).waiting(request.params.id),
  )

  server.get('/api/v1/waiting', { schema: stuckSchema }, (request) => inNamespaceOf(request).stuckQueues())
}

const waitingSchema = {
  operationId: 'whyTaskWaits',
  tags: ['tasks'],
  summary: 'Why a task does not run',
  params: idParams,
  response: { 200: { description: 'The reasons', $ref: 'TaskWaiting#' }, ...problems(404, 503) },
} as const

const stuckSchema = {
  operationId: 'listStuckQueues',
  tags: ['queues'],
  summary: 'Queues and types whose ready tasks nothing starts as things are',
  description: 'The queue is paused, or no known worker takes the type from it.',
  response: { 200: { description: 'The queues and types', $ref: 'StuckQueues#' }, ...problems(503) },
} as const
