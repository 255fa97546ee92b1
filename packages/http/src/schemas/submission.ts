import { LIMITS, NAME_PATTERN } from '@taskyard/core'

const name = { type: 'string', pattern: NAME_PATTERN } as const

const backoff = {
  type: 'object',
  additionalProperties: false,
  description: 'The wait between attempts. Default: that of the type, else exponential with full jitter (1, 2, 3600).',
  properties: {
    kind: { type: 'string', enum: ['exponential', 'linear', 'fixed'] },
    baseSeconds: { type: 'number', minimum: 0, maximum: LIMITS.delaySeconds },
    factor: { type: 'number', minimum: 0, maximum: 1000 },
    maxSeconds: { type: 'number', minimum: 0, maximum: LIMITS.delaySeconds },
  },
} as const

/** What the reference page offers to try: a server runs it as it is. */
export const EXAMPLE = { type: 'uppercase', payload: { text: 'hello' } } as const

/** What a submission may say besides its type and payload. */
export const submissionOptions = {
  queue: { ...name, description: 'Where the task waits. Default: default.' },
  priority: {
    type: 'integer',
    minimum: -LIMITS.priority,
    maximum: LIMITS.priority,
    description: 'Higher first. Default 0.',
  },
  runAt: { type: 'string', format: 'date-time', description: 'Not before this time. Not together with delaySeconds.' },
  delaySeconds: { type: 'number', minimum: 0, maximum: LIMITS.delaySeconds },
  maxAttempts: {
    type: 'integer',
    minimum: 1,
    maximum: LIMITS.maxAttempts,
    description: 'Tries that may fail. Default: that of the type, else 10.',
  },
  backoff,
  timeoutSeconds: {
    type: ['number', 'null'],
    minimum: 0.001,
    maximum: LIMITS.timeoutSeconds,
    description: 'How long one attempt may run; null: without bound. Default: that of the type, else 3600.',
  },
  tags: { type: 'array', maxItems: LIMITS.tags, items: { type: 'string', minLength: 1, maxLength: LIMITS.tagLength } },
} as const

export const typeNames = {
  type: { ...name, description: 'Names the handler.' },
  task_type: { ...name, description: 'The same as type.', deprecated: true },
} as const

export const oneTypeName = [{ required: ['type'] }, { required: ['task_type'] }] as const

export const submissionSchema = {
  $id: 'Submission',
  type: 'object',
  additionalProperties: false,
  required: ['payload'],
  anyOf: oneTypeName,
  examples: [EXAMPLE],
  properties: {
    ...typeNames,
    payload: { description: 'Any JSON value. It comes back exactly as sent.' },
    ...submissionOptions,
  },
} as const

const { $id: _, ...submission } = submissionSchema

/** One task of a batch: what the Idempotency-Key header is to a single submission, it says for itself. */
const batchItem = {
  ...submission,
  properties: {
    ...submission.properties,
    idempotencyKey: {
      type: 'string',
      minLength: 1,
      maxLength: LIMITS.idempotencyKeyLength,
      description: 'Names this task for 24 hours: submitted again under the same key, it is not added again.',
    },
  },
} as const

export const batchSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['tasks'],
  examples: [{ tasks: [EXAMPLE] }],
  properties: {
    tasks: { type: 'array', minItems: 1, description: `At most ${LIMITS.batch}.`, items: batchItem },
  },
} as const
