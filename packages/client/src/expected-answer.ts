/** JSON, but not what a call is answered with: something that is no server has answered. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer'
}

/** Members by which the answer to a call is told from another's, and how each is. */
export type Expected = Readonly<Record<string, (value: unknown) => boolean>>

/** @throws UnexpectedAnswer */
export function asExpected(answer: unknown, expected: Expected): unknown {
  if (!isObject(answer)) throw new UnexpectedAnswer()
  for (const name in expected) {
    if (expected[name]?.(answer[name]) !== true) throw new UnexpectedAnswer()
  }
  return answer
}

/** @throws UnexpectedAnswer unless the server said that there is nothing to say */
export function assertNoContent(status: number): void {
  if (status !== 204) throw new UnexpectedAnswer()
}

/** Also an empty one. */
export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** `true` or `false`, not their texts. */
export function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

/** Also one that a caller's `parse` has made something of. */
export function isNumber(value: unknown): boolean {
  return value !== null && !isText(value) && !Number.isNaN(Number(value))
}

/** Neither `null` nor an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** All lists in answers are of objects. */
export function isList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.every(isObject)
}

/** For a member that an answer may leave out; `null` is not left out. */
export function isOptional(isSo: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || isSo(value)
}

export const TASK: Expected = { id: isText, status: isText }
