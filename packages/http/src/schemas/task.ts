import { TASK_STATUSES } from '@taskyard/core'

const time = { type: 'string', format: 'date-time' } as const
const timeOrNull = { type: ['string', 'null'], format: 'date-time' } as const
const textOrNull = { type: ['string', 'null'] } as const

export const taskErrorSchema = {
  $id: 'TaskError',
  type: 'object',
  additionalProperties: false,
  required: ['code', 'message'],
  properties: { code: { type: 'string' }, message: { type: 'string' }, stack: { type: 'string' } },
} as const

const taskProperties = {
  id: { type: 'string', format: 'uuid' },
  namespace: { type: 'string' },
  queue: { type: 'string' },
  type: { type: 'string' },
  status: { type: 'string', enum: TASK_STATUSES },
  priority: { type: 'integer' },
  payload: { description: 'As it was sent.' },
  result: { description: 'What the handler returned; null before that.' },
  error: { anyOf: [{ $ref: 'TaskError#' }, { type: 'null' }] },
  attempt: { type: 'integer', description: 'Counted tries so far.' },
  maxAttempts: { type: 'integer' },
  crashes: {
    type: 'integer',
    description:
      'Leases that ended because their worker was taken for dead, also if it came back, or that ran out under a worker without a session, of which nobody can know.',
  },
  progress: { description: 'The latest progress of the handler.' },
  tags: { type: 'array', items: { type: 'string' } },
  runAt: time,
  createdAt: time,
  startedAt: timeOrNull,
  finishedAt: timeOrNull,
  timeoutSeconds: { type: ['number', 'null'] },
  idempotencyKey: textOrNull,
  workerId: textOrNull,
} as const

export const taskSchema = {
  $id: 'Task',
  type: 'object',
  required: Object.keys(taskProperties),
  properties: taskProperties,
} as const

export const leasedTaskSchema = {
  $id: 'LeasedTask',
  type: 'object',
  required: [...Object.keys(taskProperties), 'lease'],
  properties: {
    ...taskProperties,
    lease: {
      type: 'object',
      required: ['token', 'expiresAt'],
      properties: { token: { type: 'integer' }, expiresAt: time },
    },
  },
} as const

export const taskEventSchema = {
  $id: 'TaskEvent',
  type: 'object',
  required: ['n', 'at', 'kind', 'attempt', 'data'],
  properties: {
    n: { type: 'integer', minimum: 1, description: 'Counts from 1 and never changes.' },
    at: time,
    kind: {
      type: 'string',
      enum: [
        'submitted',
        'started',
        'progress',
        'log',
        'succeeded',
        'failed',
        'cancelled',
        'retry-scheduled',
        'released',
        'lease-expired',
        'cancel-requested',
        'retried',
      ],
    },
    attempt: { type: 'integer' },
    data: { description: 'What the kind needs; null for some.' },
  },
} as const

export const taskPageSchema = {
  $id: 'TaskPage',
  type: 'object',
  required: ['items', 'nextCursor'],
  properties: {
    items: { type: 'array', items: { $ref: 'Task#' } },
    nextCursor: { ...textOrNull, description: 'For the next page; null: the list ends here.' },
  },
} as const
