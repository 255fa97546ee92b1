import type { LeaseHolder } from '@taskyard/core'
import { type Held, heldIn, NOTHING } from './held-leases.ts'

/**
 * Workers whose session is broken may live all the same, and reach another server: then what they hold has changed since the
 * look before, and not only because leases ended.
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
  /** At the look before; `null`: not looked at yet. */
  readonly held: Held | null
}

export function createSignsOfLife(): SignsOfLife {
  const expected = new Map<string, Expected>()
  return {
    expect(workerId, from) {
      if (!expected.has(workerId)) expected.set(workerId, { from, held: null })
    },
    forget: (workerId) => void expected.delete(workerId),
    since(holders, now) {
      if (expected.size === 0) return []
      const all = heldIn(holders)
      return [...expected].flatMap(([workerId, { from, held: before }]) => {
        if (from > now) return []
        const held = all.get(workerId) ?? NOTHING
        expected.set(workerId, { from, held })
        return before !== null && showsLife(before, held) ? [workerId] : []
      })
    },
    areUnseen: () => expected.values().some(({ held }) => held === null),
  }
}

/** Leases that end by themselves are fewer then, and the others end when they did. */
function showsLife(before: Held, { leases, firstEnd, lastEnd }: Held): boolean {
  if (leases > before.leases || firstEnd < before.firstEnd || lastEnd > before.lastEnd) return true
  return leases === before.leases && (firstEnd > before.firstEnd || lastEnd < before.lastEnd)
}
