import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../route-context.ts'
import { queueParams } from '../schemas/parameters.ts'
import { problems } from '../schemas/problem.ts'

interface QueueParams {
  queue: string
}

/** Queues with their counts, and pause and resume. */
export function queueRoutes(server: FastifyInstance, { inNamespaceOf }: RouteContext): void {
  server.get('/api/v1/queues', { schema: listSchema }, async (request) => ({
    queues: await inNamespaceOf(request).queues(),
  }))

  server.get<{ Params: QueueParams }>('/api/v1/queues/:queue', { schema: getSchema }, (request) =>
    inNamespaceOf(request).queue(request.params.queue),
  )

  server.post<{ Params: QueueParams }>('/api/v1/queues/:queue/pause', { schema: pauseSchema }, async (request) => {
    const { queue } = request.params
    await inNamespaceOf(request).pause(queue)
    return { queue, paused: true }
  })

  server.post<{ Params: QueueParams }>('/api/v1/queues/:queue/resume', { schema: resumeSchema }, async (request) => {
    const { queue } = request.params
    await inNamespaceOf(request).resume(queue)
    return { queue, paused: false }
  })
}

const listSchema = {
  operationId: 'listQueues',
  tags: ['queues'],
  summary: 'Every queue that ever had a task',
  response: {
    200: {
      description: 'The queues',
      type: 'object',
      required: ['queues'],
      properties: { queues: { type: 'array', items: { $ref: 'Queue#' } } },
    },
    ...problems(503),
  },
} as const

const getSchema = {
  operationId: 'getQueue',
  tags: ['queues'],
  summary: 'One queue',
  params: queueParams,
  response: { 200: { description: 'The queue', $ref: 'Queue#' }, ...problems(400, 404, 503) },
} as const

const pauseSchema = {
  operationId: 'pauseQueue',
  tags: ['queues'],
  summary: 'Pause a queue',
  description: 'A paused queue accepts tasks and gives none out. Tasks that run go on.',
  params: queueParams,
  response: { 200: pausedResponse(), ...problems(400, 503) },
} as const

const resumeSchema = {
  operationId: 'resumeQueue',
  tags: ['queues'],
  summary: 'Resume a paused queue',
  params: queueParams,
  response: { 200: pausedResponse(), ...problems(400, 503) },
} as const

function pausedResponse() {
  return {
    description: 'How the queue is now',
    type: 'object',
    required: ['queue', 'paused'],
    properties: { queue: { type: 'string' }, paused: { type: 'boolean' } },
  } as const
}
