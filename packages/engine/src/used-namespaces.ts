import { type Clock, DEFAULTS } from '@taskyard/core'

/** So many are known at a time, beside the default one, and for so long after their last use. */
const MOST = 100
const USED_MS = 3_600_000

/** The namespaces in which something was done in this process within the last hour. */
export interface UsedNamespaces {
  /** Something is done in this one. So cheap that every submission and claim may say it. */
  note(namespace: string): void
  /** With the default one, used or not. */
  all(): readonly string[]
}

/** Of more than are kept, those that were used last. */
export function createUsedNamespaces(clock: Clock): UsedNamespaces {
  /** By the time of the last use, ms. */
  const usedAt = new Map<string, number>()

  function forgetLongestUnused(): void {
    const [longest] = [...usedAt].sort(([, one], [, other]) => one - other)
    if (longest !== undefined) usedAt.delete(longest[0])
  }

  return {
    note(namespace) {
      if (namespace === DEFAULTS.namespace) return
      if (usedAt.size >= MOST && !usedAt.has(namespace)) forgetLongestUnused()
      usedAt.set(namespace, clock.now())
    },
    all() {
      const now = clock.now()
      for (const [namespace, at] of usedAt) if (now - at > USED_MS) usedAt.delete(namespace)
      return [DEFAULTS.namespace, ...usedAt.keys()]
    },
  }
}
