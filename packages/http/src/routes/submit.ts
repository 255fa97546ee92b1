import { type Backoff, type JsonText, parseRfc3339, taskDocumentText } from '@taskyard/core'
import type { Submission, Submitted } from '@taskyard/engine'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { sendJsonText } from '../json-reply.ts'
import { sliceMember, slices } from '../json-slices.ts'
import { invalidRequest } from '../problem.ts'
import type { RouteContext } from '../route-context.ts'
import { BODY_PROBLEMS, problems } from '../schemas/problem.ts'
import { batchSchema } from '../schemas/submission.ts'

export interface SubmissionBody {
  type?: string
  task_type?: string
  payload?: unknown
  queue?: string
  priority?: number
  runAt?: string
  delaySeconds?: number
  maxAttempts?: number
  backoff?: Partial<Backoff>
  timeoutSeconds?: number | null
  tags?: string[]
  /** Of a task in a batch only. */
  idempotencyKey?: string
}

const PAYLOAD = { list: null, key: 'payload' } as const
const PAYLOADS = { list: 'tasks', key: 'payload' } as const

/** One task, or a batch that is stored all or nothing. Payloads are kept as the text they came as. */
export function submitRoutes(server: FastifyInstance, { inNamespaceOf, lifecycle }: RouteContext): void {
  server.post<{ Body: SubmissionBody }>('/api/v1/tasks', { schema: submitSchema }, async (request, reply) => {
    lifecycle.refuseWhenClosing()
    const payload = sliceMember(request.bodyText, PAYLOAD) as JsonText
    const key = request.headers['idempotency-key'] as string | undefined
    const submitted = await inNamespaceOf(request).submit(submissionOf(request.body, payload, key), {
      signal: lifecycle.signal,
    })
    return sendAccepted(reply, submitted, taskDocumentText(submitted.task))
  })

  server.post<{ Body: { tasks: SubmissionBody[] } }>(
    '/api/v1/tasks/batch',
    { schema: submitBatchSchema },
    async (request, reply) => {
      lifecycle.refuseWhenClosing()
      const payloads = slices(request.bodyText, PAYLOADS) as JsonText[]
      const submissions = request.body.tasks.map((body, index) =>
        submissionOf(body, payloads[index] as JsonText, undefined, `/tasks/${index}`),
      )
      const submitted = await inNamespaceOf(request).submitMany(submissions, { signal: lifecycle.signal })
      const tasks = submitted.map(
        ({ id, status, replayed }) => `{"id":"${id}","status":"${status}"${replayed ? ',"replayed":true' : ''}}`,
      )
      return sendJsonText(reply.code(202), `{"tasks":[${tasks.join(',')}]}`)
    },
  )
}

/** 202 with the task's address; a replay says so. */
export function sendAccepted(reply: FastifyReply, { task, replayed }: Submitted, text: string): FastifyReply {
  reply.code(202).header('location', `/api/v1/tasks/${task.id}`)
  if (replayed) reply.header('idempotent-replayed', 'true')
  return sendJsonText(reply, text)
}

/** A body that has passed the schema, as the engine takes it. `at`: where it stands in the request. */
export function submissionOf(body: SubmissionBody, payload: JsonText, idempotencyKey?: string, at = ''): Submission {
  const { type, task_type, runAt, ...options } = body
  refuseDifferent(type, task_type, `${at}/task_type`, 'type')
  return {
    ...options,
    type: (type ?? task_type) as string,
    payload,
    ...(runAt === undefined ? undefined : { runAt: parseRfc3339(runAt) as number }),
    ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
  }
}

/** Of two names for one thing, none is dropped in silence. */
export function refuseDifferent(one: string | undefined, other: string | undefined, path: string, name: string): void {
  if ((one ?? other) !== (other ?? one))
    throw invalidRequest(path, `says the same as ${name}, but differs: give one of both`)
}

const submitSchema = {
  operationId: 'submitTask',
  tags: ['tasks'],
  summary: 'Submit a task',
  description:
    'A 202 means that the task is committed and synced. With an Idempotency-Key, the same request again within 24 ' +
    'hours answers with the first task and Idempotent-Replayed: true; the same key with another body is refused (422).',
  headers: {
    type: 'object',
    properties: { 'Idempotency-Key': { type: 'string', description: 'Names the request for 24 hours.' } },
  },
  body: { $ref: 'Submission#' },
  response: {
    202: {
      description: 'The task',
      headers: {
        Location: { type: 'string', description: 'The address of the task' },
        'Idempotent-Replayed': { type: 'string', description: 'true: nothing was added, this is the first task' },
      },
      $ref: 'Task#',
    },
    ...problems(...BODY_PROBLEMS, 409, 422, 429),
  },
} as const

const submitBatchSchema = {
  operationId: 'submitTasks',
  tags: ['tasks'],
  summary: 'Submit tasks, all or none',
  body: batchSchema,
  response: {
    202: {
      description: 'The tasks, in the order of the request',
      type: 'object',
      required: ['tasks'],
      properties: {
        tasks: {
          type: 'array',
          items: {
            type: 'object',
            required: ['id', 'status'],
            properties: {
              id: { type: 'string' },
              status: { type: 'string' },
              replayed: {
                type: 'boolean',
                const: true,
                description: 'Its key was used before: nothing was added, this is the first task.',
              },
            },
          },
        },
      },
    },
    ...problems(...BODY_PROBLEMS, 422, 429),
  },
} as const
