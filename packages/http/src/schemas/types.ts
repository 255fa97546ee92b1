import { LIMITS, NAME_PATTERN } from '@taskyard/core'
import { submissionOptions } from './submission.ts'

const { maxAttempts, backoff, timeoutSeconds } = submissionOptions
const options = { maxAttempts, backoff, timeoutSeconds } as const

export const typeDefaultsSchema = {
  $id: 'TypeDefaults',
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  examples: [{ maxAttempts: 5, timeoutSeconds: 60 }],
  properties: options,
} as const

/** Several, each with its type. */
export const declarationsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['types'],
  examples: [{ types: [{ type: 'my-type', maxAttempts: 5 }] }],
  properties: {
    types: {
      type: 'array',
      description: `At most ${LIMITS.batch}.`,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type'],
        minProperties: 2,
        properties: { type: { type: 'string', pattern: NAME_PATTERN }, ...options },
      },
    },
  },
} as const

export const taskTypeSchema = {
  $id: 'TaskType',
  type: 'object',
  description: 'What submissions of a type get that do not say otherwise. What is not there is as for every type.',
  required: ['type'],
  properties: { type: { type: 'string' }, ...options },
} as const

/** Of a path that names a type. */
export const typeParams = {
  type: 'object',
  required: ['type'],
  properties: { type: { type: 'string', pattern: NAME_PATTERN, examples: ['my-type'] } },
} as const
