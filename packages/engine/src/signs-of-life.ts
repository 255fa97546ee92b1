import type { LeaseHolder } from '@taskyard/core'

/**
 * Workers whose session is broken may live all the same, and reach another server: then a lease of theirs ends later than
 * it did at the look before.
 */
export interface SignsOfLife {
  /** Looks out for signs of this worker from this time on, ms. What came before the first look after it is none. */
  expect(workerId: string, from: number): void
  forget(workerId: string): void
  /** Of whom a sign has come since the look before; `holders` is what the store says now. */
  since(holders: readonly LeaseHolder[], now: number): readonly string[]
  /** Somebody has not been looked at yet. */
  areUnseen(): boolean
}

interface Expected {
  readonly from: number
  /** `null`: not looked at yet. */
  readonly lastEnd: number | null
}

export function createSignsOfLife(): SignsOfLife {
  const expected = new Map<string, Expected>()
  return {
    expect(workerId, from) {
      if (!expected.has(workerId)) expected.set(workerId, { from, lastEnd: null })
    },
    forget: (workerId) => void expected.delete(workerId),
    since(holders, now) {
      if (expected.size === 0) return []
      const ends = endsOf(holders)
      return [...expected].flatMap(([workerId, { from, lastEnd }]) => {
        if (from > now) return []
        const end = ends.get(workerId) ?? 0
        expected.set(workerId, { from, lastEnd: end })
        return lastEnd !== null && end > lastEnd ? [workerId] : []
      })
    },
    areUnseen: () => expected.values().some(({ lastEnd }) => lastEnd === null),
  }
}

function endsOf(holders: readonly LeaseHolder[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>()
  for (const { workerId, lastEnd } of holders) {
    ends.set(workerId, Math.max(ends.get(workerId) ?? 0, lastEnd))
  }
  return ends
}
