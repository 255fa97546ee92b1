import { isIntegerIn, isNumberIn, meantInstead, nounOf, TaskyardError } from '@taskyard/core'

/** What one option of opening something has to be; its value is looked at where it is not `undefined`. */
export interface OptionRule {
  holds(value: unknown): boolean
  /** To follow "expected". */
  readonly expected: string
}

/** A rule for each option, `null` where something else looks at the value: one that is forgotten does not compile. */
export type OptionRules<Options extends object> = Readonly<Record<keyof Options, OptionRule | null>>

export const aFunction: OptionRule = { holds: (value) => typeof value === 'function', expected: 'a function' }
export const aFlag: OptionRule = { holds: (value) => typeof value === 'boolean', expected: 'true or false' }
export const anObject: OptionRule = {
  holds: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  expected: 'an object',
}

/** Both bounds inclusive. */
export function aWholeNumber(least: number, most: number): OptionRule {
  return { holds: (value) => isIntegerIn(value, least, most), expected: `a whole number from ${least} to ${most}` }
}

/** Seconds or bytes without an upper bound, infinity among them. */
export const anAmount: OptionRule = {
  holds: (value) => isNumberIn(value, 0, Number.POSITIVE_INFINITY),
  expected: 'a number, 0 or more',
}

/**
 * @param who stands before what is wrong, such as `client: `
 * @param example how such options look
 * @throws TaskyardError invalid_configuration
 */
export function assertConfiguration<Options extends object>(
  given: unknown,
  rules: OptionRules<Options>,
  who: string,
  example: string,
): asserts given is Options {
  if (!anObject.holds(given)) throw wrong(`${who}takes options such as ${example}, not ${shown(given)}`)
  for (const [name, value] of Object.entries(given as object)) {
    if (!Object.hasOwn(rules, name)) throw wrong(`${who}${name} is no option; ${instead(name, Object.keys(rules))}`)
    const rule = rules[name as keyof Options]
    if (value === undefined || rule === null || rule.holds(value)) continue
    throw wrong(`${who}${name} is ${shown(value)}; expected ${rule.expected}`)
  }
}

function instead(name: string, names: readonly string[]): string {
  const meant = meantInstead(name, names)
  return `there are ${names.join(', ')}${meant === null ? '' : `: ${meant}`}`
}

function wrong(reason: string): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason })
}

function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'an array' : nounOf(value)
}
