import { parseRfc3339, type TaskPage, type TaskStatus, taskDocumentText } from '@taskyard/core'
import type { BulkFilter } from '@taskyard/engine'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendPage, sendTask } from '../json-reply.ts'
import type { IdParams, RouteContext } from '../route-context.ts'
import { listQuerySchema, waitQuerySchema } from '../schemas/filters.ts'
import { idParams } from '../schemas/parameters.ts'
import { problems } from '../schemas/problem.ts'

export interface FilterFields {
  status?: TaskStatus | TaskStatus[]
  errorCode?: string
  type?: string
  queue?: string
  tag?: string
  createdAfter?: string
  createdBefore?: string
}

interface ListQuery extends FilterFields {
  limit?: number
  cursor?: string
}

interface WaitQuery {
  waitSeconds?: number
}

/** A task, or its end when it is waited for; lists of tasks; cancel, retry and removal of one. */
export function taskRoutes(server: FastifyInstance, { inNamespaceOf, lifecycle, pages }: RouteContext): void {
  server.get<{ Params: IdParams; Querystring: WaitQuery }>(
    '/api/v1/tasks/:id',
    { schema: getSchema },
    async (request, reply) => {
      const { waitSeconds } = request.query
      if (!waitSeconds) return sendTask(reply, await inNamespaceOf(request).get(request.params.id))
      return sendTask(
        reply,
        await inNamespaceOf(request).wait(request.params.id, waitSeconds, lifecycle.untilDisconnect(reply)),
      )
    },
  )

  server.get<{ Querystring: ListQuery }>(
    '/api/v1/tasks',
    { schema: listSchema, preValidation: splitStatus },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query
      const params = {
        ...filterOf(filter),
        ...(limit === undefined ? undefined : { limit }),
        ...(cursor === undefined ? undefined : { cursor }),
      }
      return sendPage(reply, pages, async () => pageText(await inNamespaceOf(request).list(params)))
    },
  )

  server.post<{ Params: IdParams }>('/api/v1/tasks/:id/cancel', { schema: cancelSchema }, async (request, reply) =>
    sendTask(reply, await inNamespaceOf(request).cancel(request.params.id)),
  )

  server.post<{ Params: IdParams }>('/api/v1/tasks/:id/retry', { schema: retrySchema }, async (request, reply) =>
    sendTask(reply, await inNamespaceOf(request).retry(request.params.id)),
  )

  server.delete<{ Params: IdParams }>('/api/v1/tasks/:id', { schema: deleteSchema }, async (request, reply) => {
    await inNamespaceOf(request).delete(request.params.id)
    return reply.code(204).send()
  })
}

/** Several statuses are written as several parameters, or with commas between them. */
async function splitStatus(request: FastifyRequest<{ Querystring: { status?: unknown } }>): Promise<void> {
  const { status } = request.query
  if (status !== undefined) request.query.status = [status].flat().flatMap((text) => String(text).split(','))
}

/** Filter fields that have passed the schema, as the engine takes them. */
export function filterOf({ createdAfter, createdBefore, ...rest }: FilterFields): BulkFilter {
  return {
    ...rest,
    ...(createdAfter === undefined ? undefined : { createdAfter: parseRfc3339(createdAfter) }),
    ...(createdBefore === undefined ? undefined : { createdBefore: parseRfc3339(createdBefore) }),
  }
}

function pageText({ items, nextCursor }: TaskPage): string {
  return `{"items":[${items.map(taskDocumentText).join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`
}

const taskResponse = { 200: { description: 'The task', $ref: 'Task#' } } as const

const getSchema = {
  operationId: 'getTask',
  tags: ['tasks'],
  summary: 'Read a task, or wait for its end',
  params: idParams,
  querystring: waitQuerySchema,
  response: { ...taskResponse, ...problems(400, 404, 503) },
} as const

const listSchema = {
  operationId: 'listTasks',
  tags: ['tasks'],
  summary: 'List tasks, newest first',
  description:
    'A page may hold fewer tasks than the limit, even none, while nextCursor is set: only null ends the list.',
  querystring: listQuerySchema,
  response: { 200: { description: 'One page', $ref: 'TaskPage#' }, ...problems(400, 503) },
} as const

const cancelSchema = {
  operationId: 'cancelTask',
  tags: ['tasks'],
  summary: 'Cancel a task',
  description: 'A waiting task is cancelled at once; the worker of a running one is asked to stop.',
  params: idParams,
  response: { ...taskResponse, ...problems(400, 404, 409, 503) },
} as const

const deleteSchema = {
  operationId: 'deleteTask',
  tags: ['tasks'],
  summary: 'Delete a task that has ended',
  description: 'With its history. A task that has not ended is refused with 409: cancel it first.',
  params: idParams,
  response: { 204: { description: 'It is gone', type: 'null' }, ...problems(404, 409, 503) },
} as const

const retrySchema = {
  operationId: 'retryTask',
  tags: ['tasks'],
  summary: 'Retry a failed or cancelled task',
  params: idParams,
  response: { ...taskResponse, ...problems(400, 404, 409, 503) },
} as const
