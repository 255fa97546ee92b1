import { NAME_PATTERN } from '@taskyard/core'

/** Stands for the id of a task in examples; no task has it. */
export const EXAMPLE_ID = '019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e'
export const EXAMPLE_WORKER = 'my-worker'

/** Of a path that names a task. */
export const idParams = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, description: 'The id of a task.', examples: [EXAMPLE_ID] } },
} as const

/** Of a path that names a queue. */
export const queueParams = {
  type: 'object',
  required: ['queue'],
  properties: { queue: { type: 'string', pattern: NAME_PATTERN, examples: ['default'] } },
} as const
