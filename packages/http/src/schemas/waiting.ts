import { TASK_STATUSES, WAITING_CODES, type WaitingFacts } from '@taskyard/core'

const time = { type: 'string', format: 'date-time' } as const
const names = { type: 'array', items: { type: 'string' } } as const
const count = { type: 'integer', minimum: 0 } as const

/** Those of all codes: each has some of them. */
const facts = {
  queue: { type: 'string' },
  type: { type: 'string' },
  knownTypes: { ...names, description: 'Some of the types that known workers take.' },
  knownTypesTotal: { ...count, description: 'How many types these take.' },
  meantType: { type: ['string', 'null'], description: 'Which of these was probably meant.' },
  takenFrom: { ...names, description: 'Some of the queues from which known workers take the type.' },
  takenFromTotal: { ...count, description: 'How many these are, up to 10,000.' },
  dueAt: time,
  attempt: { type: 'integer' },
  maxAttempts: { type: 'integer' },
  error: {
    type: ['object', 'null'],
    properties: { code: { type: 'string' }, message: { type: 'string' } },
    description: 'Why the attempt failed.',
  },
  workerId: { type: ['string', 'null'] },
  startedAt: time,
  requestedAt: time,
  crashes: { ...count, description: 'Attempts during which a worker died.' },
  workers: { ...count, description: 'Known workers that take it.' },
  leases: { ...count, description: 'Tasks that these workers run.' },
  suspectId: {
    type: ['string', 'null'],
    description: 'The task that one of these workers runs with nothing beside it, as workers died during that.',
  },
  before: { ...count, description: 'Ready tasks of its queue and type that come first.' },
  atLeast: { type: 'boolean', description: 'They were counted up to `before`: it may be more.' },
  seenAgoSeconds: { ...count, description: 'When one of these workers asked for tasks last.' },
} as const satisfies Readonly<Record<keyof WaitingFacts, object>>

export const waitingReasonSchema = {
  $id: 'WaitingReason',
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: {
      type: 'string',
      description: 'One of these, or, from a later version, another: then `message` says all.',
      'x-extensible-enum': WAITING_CODES,
    },
    message: { type: 'string', description: 'For people, with what helps.' },
    ...facts,
  },
} as const

export const taskWaitingSchema = {
  $id: 'TaskWaiting',
  type: 'object',
  required: ['taskId', 'status', 'reasons'],
  properties: {
    taskId: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: TASK_STATUSES },
    reasons: {
      type: 'array',
      items: { $ref: 'WaitingReason#' },
      description: 'What does not pass by itself comes first. None once the task has ended.',
    },
  },
} as const

export const stuckQueuesSchema = {
  $id: 'StuckQueues',
  type: 'object',
  required: ['stuck', 'total', 'complete'],
  properties: {
    stuck: {
      type: 'array',
      description: 'Up to 100.',
      items: {
        type: 'object',
        required: ['queue', 'type', 'reasons'],
        properties: {
          queue: { type: 'string' },
          type: { type: 'string' },
          reasons: { type: 'array', items: { $ref: 'WaitingReason#' } },
        },
      },
    },
    total: { ...count, description: 'How many there are.' },
    complete: {
      type: 'boolean',
      description:
        'false: there are more queues and types than were looked at, or more workers than could be told of, which may take some.',
    },
  },
} as const
