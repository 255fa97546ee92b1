import { DEFAULTS } from '@taskyard/core'
import { assertName } from './check-submission.ts'
import type { UseCases } from './engine.ts'

/** Calls that are made in a namespace. */
export type InNamespace<Calls> = (namespace: string) => Calls

/** Namespaces whose calls are kept at hand, beside the default one. */
const MOST_KEPT = 1000

/**
 * Makes the calls of a namespace once.
 * @throws TaskyardError invalid_request, when it is asked for one that can be none
 */
export function cacheByNamespace(make: InNamespace<UseCases>): InNamespace<UseCases> {
  const ofDefault = make(DEFAULTS.namespace)
  const kept = new Map<string, UseCases>()
  return (namespace) => {
    if (namespace === DEFAULTS.namespace) return ofDefault
    const known = kept.get(namespace)
    if (known !== undefined) return known
    assertName(namespace, '/namespace', 'namespace')
    const made = make(namespace)
    kept.set(namespace, made)
    const [oldest] = kept.keys()
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    return made
  }
}
