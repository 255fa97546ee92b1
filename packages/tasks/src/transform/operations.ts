import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { bytesOfBase64 } from '../base64.ts'
import { type FailureCatalogue, failureOf } from '../failure.ts'

export const OPERATIONS = [
  'uppercase',
  'lowercase',
  'trim',
  'reverse',
  'length',
  'sha256',
  'base64-encode',
  'base64-decode',
] as const

export interface TransformPayload {
  readonly operation: (typeof OPERATIONS)[number]
  readonly text: string
}

export const TRANSFORM_FAILURES = {
  not_base64_text: { retryable: false, when: '`base64-decode` was given something that is not Base64 of UTF-8 text' },
} as const satisfies FailureCatalogue

/** The operation's result: a number for `length`, else a text. Characters are Unicode code points, bytes are UTF-8. */
export function transform({ operation, text }: TransformPayload): string | number {
  switch (operation) {
    case 'uppercase':
      return text.toUpperCase()
    case 'lowercase':
      return text.toLowerCase()
    case 'trim':
      return text.trim()
    case 'reverse':
      return [...text].reverse().join('')
    case 'length':
      return [...text].length
    case 'sha256':
      return createHash('sha256').update(text, 'utf8').digest('hex')
    case 'base64-encode':
      return Buffer.from(text, 'utf8').toString('base64')
    case 'base64-decode':
      return decodeBase64(text)
  }
}

function decodeBase64(text: string): string {
  const bytes = bytesOfBase64(text)
  if (bytes === null || !isUtf8(bytes)) {
    throw failureOf(TRANSFORM_FAILURES, 'not_base64_text', 'The text is not Base64 of UTF-8 text')
  }
  return bytes.toString('utf8')
}
