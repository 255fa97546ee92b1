import { type Expected, isList, isText } from './expected-answer.ts'

export const TYPES_PATH = '/api/v1/types'
/** What the answers always have. */
export const TYPES: Expected = { types: isList }
export const TYPE: Expected = { type: isText }

/** Where the defaults of a type are. */
export function typePath(type: string): string {
  return `${TYPES_PATH}/${encodeURIComponent(type)}`
}
