import { NAME_PATTERN } from '@taskyard/core'
import { submissionOptions } from './submission.ts'

const { maxAttempts, backoff, timeoutSeconds } = submissionOptions
const options = { maxAttempts, backoff, timeoutSeconds } as const

export const typeDefaultsSchema = {
  $id: 'TypeDefaults',
  type: 'object',
  additionalProperties: false,
  examples: [{ maxAttempts: 5, timeoutSeconds: 60 }],
  properties: options,
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
