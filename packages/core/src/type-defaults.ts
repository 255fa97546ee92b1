import type { Backoff } from './backoff.ts'
import { isIntegerIn, isNumberIn } from './bounds.ts'
import type { Violation } from './errors.ts'
import { LIMITS } from './limits.ts'
import { unknownName } from './words/unknown-name.ts'

/** What submissions of a type get that do not say otherwise. What is left out is as for every type. */
export interface TypeDefaults {
  /** Tries that may fail; 1–1000. */
  readonly maxAttempts?: number
  /** Whole: a submission with a backoff of its own takes nothing of this one. */
  readonly backoff?: Partial<Backoff>
  /** Seconds one attempt may run; `null`: no bound. */
  readonly timeoutSeconds?: number | null
}

export const MAX_ATTEMPTS_RULE = `a whole number from 1 to ${LIMITS.maxAttempts}`
export const TIMEOUT_RULE = `a number of seconds from 0.001 to ${LIMITS.timeoutSeconds}, or null for no bound`
export const DELAY_RULE = `a number of seconds from 0 to ${LIMITS.delaySeconds}`

const NAMES: Readonly<Record<keyof TypeDefaults, true>> = { maxAttempts: true, backoff: true, timeoutSeconds: true }
const BACKOFF_NAMES: Readonly<Record<keyof Backoff, true>> = {
  kind: true,
  baseSeconds: true,
  factor: true,
  maxSeconds: true,
}

/** Whether a value is a number of attempts that a task may have. */
export function isMaxAttempts(value: unknown): boolean {
  return isIntegerIn(value, 1, LIMITS.maxAttempts)
}

/** Whether a value is a time-out, `null` for none included. */
export function isTimeoutSeconds(value: unknown): boolean {
  return value === null || isNumberIn(value, 0.001, LIMITS.timeoutSeconds)
}

/** What is wrong with a whole backoff, by JSON Pointers from `/backoff` on. */
export function violationsOfBackoff({ kind, baseSeconds, factor, maxSeconds }: Backoff): readonly Violation[] {
  const wrong: Violation[] = []
  const check = (holds: boolean, name: keyof Backoff, message: string) => {
    if (!holds) wrong.push({ path: `/backoff/${name}`, message })
  }
  const isKind = kind === 'exponential' || kind === 'linear' || kind === 'fixed'
  check(isKind, 'kind', 'exponential, linear or fixed')
  check(isNumberIn(baseSeconds, 0, LIMITS.delaySeconds), 'baseSeconds', DELAY_RULE)
  check(isNumberIn(factor, 0, 1000), 'factor', 'a number from 0 to 1000')
  check(isNumberIn(maxSeconds, 0, LIMITS.delaySeconds), 'maxSeconds', DELAY_RULE)
  return wrong
}

/** What is wrong with a value that is to be the defaults of a type. */
export function violationsOfTypeDefaults(value: unknown): readonly Violation[] {
  const defaults = asObject(value)
  if (defaults === null) return [{ path: '', message: 'defaults are an object of options' }]
  const unknown = unknownViolation(defaults, NAMES, '')
  const { maxAttempts, backoff, timeoutSeconds } = defaults
  const wrong: Violation[] = unknown === null ? [] : [unknown]
  if (maxAttempts !== undefined && !isMaxAttempts(maxAttempts))
    wrong.push({ path: '/maxAttempts', message: MAX_ATTEMPTS_RULE })
  if (timeoutSeconds !== undefined && !isTimeoutSeconds(timeoutSeconds))
    wrong.push({ path: '/timeoutSeconds', message: TIMEOUT_RULE })
  return backoff === undefined ? wrong : [...wrong, ...violationsOfPartialBackoff(backoff)]
}

/** The same of what is declared: at least one of the options. */
export function violationsOfDeclaration(value: unknown): readonly Violation[] {
  const wrong = violationsOfTypeDefaults(value)
  if (wrong.length > 0 || !isWithoutDefaults(value as TypeDefaults)) return wrong
  return [{ path: '', message: `name at least one of ${Object.keys(NAMES).join(', ')}` }]
}

function violationsOfPartialBackoff(value: unknown): readonly Violation[] {
  const backoff = asObject(value)
  if (backoff === null) return [{ path: '/backoff', message: 'an object' }]
  const unknown = unknownViolation(backoff, BACKOFF_NAMES, '/backoff')
  const given = violationsOfBackoff(backoff as unknown as Backoff).filter(
    ({ path }) => backoff[path.slice('/backoff/'.length)] !== undefined,
  )
  return unknown === null ? given : [unknown, ...given]
}

function unknownViolation(options: object, known: Readonly<Record<string, true>>, at: string): Violation | null {
  const name = unknownName(options, known)
  if (name === null) return null
  return { path: `${at}/${name}`, message: `is not known here; known are ${Object.keys(known).join(', ')}` }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : null
}

/** The defaults that are set, without names whose value is `undefined`. */
export function setDefaults({ maxAttempts, backoff, timeoutSeconds }: TypeDefaults): TypeDefaults {
  return {
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(backoff === undefined ? {} : { backoff: { ...backoff } }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  }
}

/** Whether nothing is set: such a type is as every type. */
export function isWithoutDefaults({ maxAttempts, backoff, timeoutSeconds }: TypeDefaults): boolean {
  return maxAttempts === undefined && backoff === undefined && timeoutSeconds === undefined
}
