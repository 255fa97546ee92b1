import { TASK_STATUSES } from '@taskyard/core'

const time = { type: 'string', format: 'date-time' } as const
const names = { type: 'array', items: { type: 'string' } } as const
const count = { type: 'integer', minimum: 0 } as const

/** The facts of all codes: each has some of them. */
const facts = {
  queue: { type: 'string' },
  type: { type: 'string' },
  knownTypes: { ...names, description: 'Some of the types that known workers take.' },
  takenFrom: { ...names, description: 'Some of the queues from which known workers take the type.' },
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
  workers: { ...count, description: 'Known workers that take it.' },
  leases: { ...count, description: 'Tasks that these workers run.' },
  before: { ...count, description: 'Ready tasks of its queue and type that come first.' },
  isAtLeast: { type: 'boolean', description: 'They were counted up to `before`: it may be more.' },
  seenAgoSeconds: { ...count, description: 'When one of these workers asked for tasks last.' },
} as const

export const waitingReasonSchema = {
  $id: 'WaitingReason',
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: {
      type: 'string',
      enum: [
        'queue_paused',
        'no_worker',
        'other_queues',
        'cancel_requested',
        'running',
        'backing_off',
        'due_later',
        'blocked',
        'workers_busy',
        'behind_others',
        'about_to_start',
      ],
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

export const stuckLanesSchema = {
  $id: 'StuckLanes',
  type: 'object',
  required: ['lanes', 'total', 'isComplete'],
  properties: {
    lanes: {
      type: 'array',
      description: 'Up to 100.',
      items: {
        type: 'object',
        required: ['queue', 'type', 'reason'],
        properties: { queue: { type: 'string' }, type: { type: 'string' }, reason: { $ref: 'WaitingReason#' } },
      },
    },
    total: { ...count, description: 'How many there are.' },
    isComplete: { type: 'boolean', description: 'false: there are more queues and types than were looked at.' },
  },
} as const
