import { formatRfc3339, type JsonText, LIMITS, type Task, type TaskStatus } from '@taskyard/core'
import type { QueueView, UseCases } from '@taskyard/engine'
import type { FastifyInstance } from 'fastify'
import { sendJsonText, sendPage } from './json-reply.ts'
import { sliceMember } from './json-slices.ts'
import type { IdParams, RouteContext } from './route-context.ts'
import { refuseDifferent, type SubmissionBody, sendAccepted, submissionOf } from './routes/submit.ts'
import { idParams } from './schemas/parameters.ts'
import { BODY_PROBLEMS, problems } from './schemas/problem.ts'
import { EXAMPLE, oneTypeName, submissionOptions, typeNames } from './schemas/submission.ts'

// The routes that clients of the five reference systems were written against. New clients use /api/v1.

type ClassicStatus = 'queued' | 'processing' | 'completed' | 'failed' | 'cancelled'

const CLASSIC_STATUS: Readonly<Record<TaskStatus, ClassicStatus>> = {
  blocked: 'queued',
  scheduled: 'queued',
  queued: 'queued',
  running: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
}

const LIST_LIMIT = 200
const DATA = { list: null, key: 'data' } as const
const PAYLOAD = { list: null, key: 'payload' } as const

/** The routes of the API before `/api/v1`, with its field and status names. */
export function classicRoutes(server: FastifyInstance, { inNamespaceOf, lifecycle, pages }: RouteContext): void {
  server.post<{ Body: SubmissionBody & { data?: unknown } }>(
    '/tasks',
    { schema: createSchema },
    async (request, reply) => {
      lifecycle.refuseWhenClosing()
      const { data: _data, ...body } = request.body
      const [data, payload] = [sliceMember(request.bodyText, DATA), sliceMember(request.bodyText, PAYLOAD)]
      refuseDifferent(data, payload, '/payload', 'data')
      const text = data ?? payload ?? ('{}' as JsonText)
      const key = request.headers['idempotency-key'] as string | undefined
      const submitted = await inNamespaceOf(request).submit(submissionOf(body, text, key), { signal: lifecycle.signal })
      return sendAccepted(reply, submitted, acknowledgement(submitted.task, 'Task created successfully'))
    },
  )

  server.get<{ Params: IdParams }>('/tasks/:id', { schema: getSchema }, async (request, reply) =>
    sendJsonText(reply, classicText(await inNamespaceOf(request).get(request.params.id))),
  )

  server.get('/tasks', { schema: listSchema }, (request, reply) =>
    sendPage(reply, pages, async () => {
      const tasks = await newest(inNamespaceOf(request))
      return `{"tasks":[${tasks.join(',')}],"count":${tasks.length}}`
    }),
  )

  server.post<{ Params: IdParams }>('/tasks/:id/retry', { schema: retrySchema }, async (request, reply) =>
    sendJsonText(
      reply,
      acknowledgement(await inNamespaceOf(request).retry(request.params.id), 'Task queued for retry'),
    ),
  )

  server.post<{ Params: IdParams }>('/tasks/:id/cancel', { schema: cancelSchema }, async (request, reply) => {
    const task = await inNamespaceOf(request).cancel(request.params.id)
    const message = task.status === 'cancelled' ? 'Task cancelled' : 'Task asked to stop'
    return sendJsonText(reply, acknowledgement(task, message))
  })

  server.get('/queue/stats', { schema: statsSchema }, async (request) =>
    queueStats(await inNamespaceOf(request).queues()),
  )
}

function acknowledgement({ id, status }: Task, message: string): string {
  return JSON.stringify({ task_id: id, taskId: id, id, status: CLASSIC_STATUS[status], message })
}

/** The newest tasks, as far as they fit. A page may be short although more follow, so a few are read; never without end. */
async function newest(calls: UseCases): Promise<string[]> {
  const texts: string[] = []
  let bytes = 0
  let cursor: string | null = null
  for (let pages = 0; pages < 10 && texts.length < LIST_LIMIT; pages++) {
    const page = await calls.list({ limit: LIST_LIMIT - texts.length, cursor })
    for (const task of page.items) {
      const text = classicText(task)
      bytes += Buffer.byteLength(text)
      if (bytes > LIMITS.pageBytes && texts.length > 0) return texts
      texts.push(text)
    }
    cursor = page.nextCursor
    if (cursor === null) break
  }
  return texts
}

// Data and result are spliced in as text: they come back exactly as sent.
function classicText(task: Task): string {
  const start = task.startedAt === null ? null : formatRfc3339(task.startedAt)
  const end = task.finishedAt === null ? null : formatRfc3339(task.finishedAt)
  const fields = JSON.stringify({
    id: task.id,
    task_id: task.id,
    taskId: task.id,
    type: task.type,
    status: CLASSIC_STATUS[task.status],
    error: task.error?.message ?? null,
    queue: task.queue,
    priority: task.priority,
    attempts: task.attempt,
    max_attempts: task.maxAttempts,
    created_at: formatRfc3339(task.createdAt),
    started_at: start,
    completed_at: end,
  })
  return `${fields.slice(0, -1)},"data":${task.payload},"payload":${task.payload},"result":${task.result}}`
}

function queueStats(queues: readonly QueueView[]): object {
  const total = (...statuses: TaskStatus[]) =>
    queues.reduce((sum, { counts }) => sum + statuses.reduce((part, status) => part + counts[status], 0), 0)
  const finished = { completed: total('succeeded'), failed: total('failed'), cancelled: total('cancelled') }
  const waiting = { queued: total('queued'), scheduled: total('scheduled', 'blocked'), processing: total('running') }
  const sum = Object.values({ ...waiting, ...finished }).reduce((left, right) => left + right, 0)
  return { queue_length: waiting.queued, total_tasks: sum, ...waiting, ...finished }
}

const tags = ['classic'] as const
const status = { type: 'string', enum: ['queued', 'processing', 'completed', 'failed', 'cancelled'] } as const
const id = { type: 'string', format: 'uuid' } as const

const acknowledged = {
  description: 'Done',
  type: 'object',
  required: ['task_id', 'taskId', 'id', 'status', 'message'],
  properties: { task_id: id, taskId: id, id, status, message: { type: 'string' } },
} as const

const classicTask = {
  type: 'object',
  required: ['id', 'type', 'data', 'status', 'result', 'error', 'created_at'],
  properties: {
    id,
    task_id: id,
    taskId: id,
    type: { type: 'string' },
    status,
    data: { description: 'As it was sent.' },
    payload: { description: 'The same as data.' },
    result: {},
    error: { type: ['string', 'null'] },
    queue: { type: 'string' },
    priority: { type: 'integer' },
    attempts: { type: 'integer' },
    max_attempts: { type: 'integer' },
    created_at: { type: 'string', format: 'date-time' },
    started_at: { type: ['string', 'null'], format: 'date-time' },
    completed_at: { type: ['string', 'null'], format: 'date-time' },
  },
} as const

const createSchema = {
  operationId: 'classicCreateTask',
  tags,
  summary: 'Create a task',
  body: {
    type: 'object',
    additionalProperties: false,
    anyOf: oneTypeName,
    examples: [EXAMPLE],
    properties: {
      ...typeNames,
      data: { description: 'Any JSON value. Default: an empty object.' },
      payload: { description: 'The same as data.' },
      ...submissionOptions,
    },
  },
  response: { 202: acknowledged, ...problems(...BODY_PROBLEMS, 409, 422, 429) },
} as const

const getSchema = {
  operationId: 'classicGetTask',
  tags,
  summary: 'Read a task',
  params: idParams,
  response: { 200: { description: 'The task', ...classicTask }, ...problems(400, 404, 503) },
} as const

const listSchema = {
  operationId: 'classicListTasks',
  tags,
  summary: `The newest ${LIST_LIMIT} tasks`,
  response: {
    200: {
      description: 'The tasks, newest first',
      type: 'object',
      required: ['tasks', 'count'],
      properties: { tasks: { type: 'array', items: classicTask }, count: { type: 'integer' } },
    },
    ...problems(503),
  },
} as const

const retrySchema = {
  operationId: 'classicRetryTask',
  tags,
  summary: 'Retry a failed or cancelled task',
  params: idParams,
  response: { 200: acknowledged, ...problems(400, 404, 409, 503) },
} as const

const cancelSchema = {
  operationId: 'classicCancelTask',
  tags,
  summary: 'Cancel a task',
  params: idParams,
  response: { 200: acknowledged, ...problems(400, 404, 409, 503) },
} as const

const count = { type: 'integer' } as const

const statsSchema = {
  operationId: 'classicQueueStats',
  tags,
  summary: 'Counts over all queues',
  response: {
    200: {
      description: 'The counts',
      type: 'object',
      required: ['queue_length', 'total_tasks'],
      properties: {
        queue_length: { ...count, description: 'Tasks ready to run.' },
        total_tasks: count,
        queued: count,
        scheduled: count,
        processing: count,
        completed: count,
        failed: count,
        cancelled: count,
      },
    },
    ...problems(503),
  },
} as const
