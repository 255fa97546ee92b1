import { meantInstead, nounOf, TaskyardError, type Violation } from '@taskyard/core'

/** Every name of these options: one that is forgotten does not compile. */
export type Names<Options extends object> = Readonly<Record<keyof Options, true>>

/** The request has these faults. */
export function invalid(violations: readonly Violation[]): TaskyardError {
  const reason = violations.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return new TaskyardError('invalid_request', { reason }, { violations })
}

/** Left out in silence, a misspelt filter matches everything, and a misspelt option does nothing. */
export function unknownNames(given: object, known: Readonly<Record<string, true>>): readonly Violation[] {
  const names = Object.keys(known)
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(known, name))
  return unknown.map((name) => {
    const instead = meantInstead(name, names)
    const hint = instead === null ? '' : `: ${instead}`
    return { path: `/${name}`, message: `is not known here; known are ${names.join(', ')}${hint}` }
  })
}

/** @throws TaskyardError invalid_request */
export function assertObject(value: unknown, what: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  const noun = Array.isArray(value) ? 'an array' : nounOf(value)
  throw new TaskyardError('invalid_request', { reason: `${what} must be an object, not ${noun}` })
}
