import { EVERY_QUEUE, LIMITS, NAME_PATTERN, TASK_STATUSES } from '@taskyard/core'
import { EXAMPLE_ID, EXAMPLE_WORKER } from './parameters.ts'
import { taskErrorSchema } from './task.ts'

const leaseRef = {
  taskId: { type: 'string', minLength: 1, maxLength: LIMITS.nameLength },
  token: { type: 'integer', minimum: 0 },
} as const
const leaseSeconds = { type: 'number', minimum: 1, maximum: LIMITS.leaseSeconds, description: 'Default 30.' } as const
const name = { type: 'string', pattern: NAME_PATTERN } as const
const names = { type: 'array', minItems: 1, maxItems: LIMITS.batch, items: name } as const
export const workerIdSchema = name

const claimProperties = {
  workerId: workerIdSchema,
  queues: {
    ...names,
    items: { anyOf: [name, { const: EVERY_QUEUE }] },
    description: `"${EVERY_QUEUE}" among them: every queue of the namespace, also those to come.`,
  },
  types: { ...names, description: 'Default: every type.' },
  limit: { type: 'integer', minimum: 1, maximum: LIMITS.claim },
  leaseSeconds,
  requestId: {
    ...name,
    description:
      'The same claim again, by the same worker under the same id, gives the same tasks as long as a lease of them ' +
      'holds. Default: every claim gives other tasks.',
  },
  session: {
    type: 'boolean',
    description:
      'The worker keeps a session open, with whatever server of the store: its death is noticed without waiting for the ' +
      'lease time. Default: whether it keeps one with this server.',
  },
} as const

/** What no worker takes meanwhile. */
const EXAMPLE_CLAIM = { workerId: EXAMPLE_WORKER, queues: ['default'], types: ['greet'], limit: 1 }
const EXAMPLE_LEASE = { taskId: EXAMPLE_ID, token: 1 }

export const claimSchema = {
  $id: 'Claim',
  type: 'object',
  additionalProperties: false,
  required: ['workerId', 'queues', 'limit'],
  examples: [{ ...EXAMPLE_CLAIM, waitSeconds: 2 }],
  properties: {
    ...claimProperties,
    waitSeconds: {
      type: 'number',
      minimum: 0,
      maximum: LIMITS.waitSeconds,
      description: 'How long to wait for a first task. Default 0.',
    },
  },
} as const

const NO_WAIT = {
  type: 'number',
  minimum: 0,
  maximum: 0,
  description: 'A claim beside outcomes does not wait.',
} as const

export const heartbeatSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['leases'],
  examples: [{ leases: [EXAMPLE_LEASE] }],
  properties: { leases: listOf(leaseRef, ['taskId', 'token']), leaseSeconds },
} as const

export const recordSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['entries'],
  examples: [{ entries: [{ ...EXAMPLE_LEASE, progress: { percent: 50 }, log: 'half done' }] }],
  properties: {
    entries: listOf(
      {
        ...leaseRef,
        progress: { description: `Any JSON value of at most ${LIMITS.progressBytes} bytes.` },
        log: { type: 'string', description: `A line of at most ${LIMITS.logBytes} bytes.` },
      },
      ['taskId', 'token'],
    ),
  },
} as const

const outcomeError = {
  type: 'object',
  additionalProperties: false,
  required: ['message'],
  description: 'Of failed: what went wrong. Default code: error.',
  properties: taskErrorSchema.properties,
} as const

export const settleSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['outcomes'],
  examples: [{ outcomes: [{ ...EXAMPLE_LEASE, outcome: 'succeeded', result: { greeting: 'Hello, Ada!' } }] }],
  properties: {
    outcomes: listOf(
      {
        ...leaseRef,
        outcome: { type: 'string', enum: ['succeeded', 'failed', 'cancelled', 'released'] },
        result: { description: `Of succeeded: any JSON value of at most ${LIMITS.resultBytes} bytes.` },
        error: outcomeError,
        retryable: { type: 'boolean', description: 'Of failed. Default true.' },
        retryDelaySeconds: { type: 'number', minimum: 0, maximum: LIMITS.delaySeconds },
      },
      ['taskId', 'token', 'outcome'],
    ),
    claim: {
      type: 'object',
      additionalProperties: false,
      required: ['workerId', 'queues', 'limit'],
      properties: { ...claimProperties, waitSeconds: NO_WAIT },
    },
  },
} as const

/** One result per lease, in the order of the request. */
export function resultsSchema(statuses: readonly string[], more: object = {}) {
  return {
    type: 'array',
    items: {
      type: 'object',
      required: ['taskId', 'status'],
      properties: { taskId: { type: 'string' }, status: { type: 'string', enum: statuses }, ...more },
    },
  } as const
}

/** What the server has decided on each outcome. */
export const settledSchema = resultsSchema(['ok', 'lost'], {
  taskStatus: { type: 'string', enum: TASK_STATUSES, description: 'Of ok: where the task went.' },
  runAt: {
    type: 'string',
    format: 'date-time',
    description: 'Of a task that is scheduled: when its next attempt is due.',
  },
})

export const leasedTasksSchema = { type: 'array', items: { $ref: 'LeasedTask#' } } as const

function listOf(properties: object, required: readonly string[]) {
  const items = { type: 'object', additionalProperties: false, required, properties }
  return { type: 'array', description: `At most ${LIMITS.batch}.`, items } as const
}
