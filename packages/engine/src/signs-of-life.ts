import type { LeaseHolder } from '@taskyard/core'

/**
 * Workers whose session is broken may live all the same, and reach another server: then a lease of theirs ends later than
 * it did at the look before.
 */
export interface SignsOfLife {
  /** Looks out for signs of this worker. What came before the first look is none. */
  expect(workerId: string): void
  forget(workerId: string): void
  /** Of whom a sign has come since the look before; `holders` is what the store says now. */
  since(holders: readonly LeaseHolder[]): readonly string[]
}

export function createSignsOfLife(): SignsOfLife {
  const lastEnds = new Map<string, number | null>()
  return {
    expect(workerId) {
      if (!lastEnds.has(workerId)) lastEnds.set(workerId, null)
    },
    forget: (workerId) => void lastEnds.delete(workerId),
    since(holders) {
      if (lastEnds.size === 0) return []
      const ends = endsOf(holders)
      return [...lastEnds].flatMap(([workerId, before]) => {
        const now = ends.get(workerId) ?? 0
        lastEnds.set(workerId, now)
        return before !== null && now > before ? [workerId] : []
      })
    },
  }
}

function endsOf(holders: readonly LeaseHolder[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  for (const { workerId, leasedUntil } of holders) {
    ends.set(workerId, Math.max(ends.get(workerId) ?? 0, leasedUntil))
  }
  return ends
}
