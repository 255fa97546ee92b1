import { assertName } from './check-submission.ts'
import type { UseCases } from './engine.ts'

/** Calls that are made in a namespace. */
export type InNamespace<Calls> = (namespace: string) => Calls

/** Namespaces whose calls are kept at hand. */
const MOST_KEPT = 1000

/**
 * Puts the calls together that each part has for a namespace.
 * @throws TaskyardError invalid_request, when it is asked for one that can be none
 */
export function joinUseCases(parts: readonly InNamespace<Partial<UseCases>>[]): InNamespace<UseCases> {
  const kept = new Map<string, UseCases>()
  return (namespace) => {
    const known = kept.get(namespace)
    if (known !== undefined) return known
    assertName(namespace, '/namespace', 'namespace')
    const made: UseCases = Object.assign({ namespace }, ...parts.map((part) => part(namespace)))
    kept.set(namespace, made)
    const [oldest] = kept.keys()
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    return made
  }
}
