/** A value's type with its article: `an object`, `a function`. */
export function nounOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}
