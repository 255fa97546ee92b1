import { MAX_TEXT_LENGTH } from '../transform/schema.ts'

export const uppercaseSchema = {
  type: ['string', 'object'],
  maxLength: MAX_TEXT_LENGTH,
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  'x-message': 'must be a text, {"text": …} or {"data": …}',
  properties: {
    text: { type: 'string', maxLength: MAX_TEXT_LENGTH, description: 'The text, up to 100,000 characters.' },
    data: { type: 'string', maxLength: MAX_TEXT_LENGTH, description: 'The same under another name; give one of both.' },
  },
} as const
