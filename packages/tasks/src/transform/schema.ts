import { OPERATIONS } from './operations.ts'

/** Bounded so that no operation, upper case and Base64 included, can grow a text over the limit of a result. */
export const MAX_TEXT_LENGTH = 100_000

export const transformSchema = {
  type: 'object',
  required: ['operation', 'text'],
  additionalProperties: false,
  properties: {
    operation: { enum: OPERATIONS, description: 'What to do with the text.' },
    text: { type: 'string', maxLength: MAX_TEXT_LENGTH, description: 'The text, up to 100,000 characters.' },
  },
} as const
