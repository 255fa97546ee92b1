import { LIMITS, NAME_PATTERN, TASK_STATUSES } from '@taskyard/core'

/** What somebody tries by filter reaches no task of theirs: none has this tag. */
export const EXAMPLE_TAG = 'tried-out'

const status = { type: 'string', enum: TASK_STATUSES } as const

const filterProperties = {
  type: { type: 'string', pattern: NAME_PATTERN },
  queue: { type: 'string', pattern: NAME_PATTERN },
  tag: { type: 'string', minLength: 1, maxLength: LIMITS.tagLength },
  createdAfter: { type: 'string', format: 'date-time', description: 'Inclusive.' },
  createdBefore: { type: 'string', format: 'date-time', description: 'Exclusive.' },
  errorCode: {
    type: 'string',
    minLength: 1,
    maxLength: LIMITS.nameLength,
    description: 'The code of the last error: of the end, or of the attempt that another one is to follow.',
  },
} as const

/** What a bulk operation may choose tasks by. */
export const FILTER_FIELDS = ['status', ...Object.keys(filterProperties)]

export const bulkFilterSchema = {
  $id: 'BulkFilter',
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  examples: [{ tag: EXAMPLE_TAG }],
  properties: {
    status: {
      anyOf: [status, { type: 'array', items: status, minItems: 1 }],
      description: 'One, or any of several.',
    },
    ...filterProperties,
    dryRun: { type: 'boolean', description: 'Changes nothing, and counts what would be changed. Default false.' },
    cursor: { type: 'string', description: 'Of a 202 before, with the same filter: goes on.' },
  },
} as const

const pageProperties = {
  limit: { type: 'integer', minimum: 1, maximum: LIMITS.listPage, description: 'Default 50.', examples: [20] },
  cursor: { type: 'string', description: 'nextCursor of the page before.' },
} as const

export const pageQuerySchema = { type: 'object', additionalProperties: false, properties: pageProperties } as const

export const listQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    status: {
      type: 'array',
      items: status,
      minItems: 1,
      description: 'Any of these: status=failed&status=cancelled, or status=failed,cancelled.',
    },
    ...filterProperties,
    ...pageProperties,
  },
} as const

export const waitQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    waitSeconds: {
      type: 'number',
      minimum: 0,
      maximum: LIMITS.waitSeconds,
      description: 'Waits until the task has ended, at most this long.',
      examples: [1],
    },
  },
} as const
