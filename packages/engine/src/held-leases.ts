import type { LeaseHolder } from '@taskyard/core'
import { coalesce } from './coalesce.ts'
import type { Parts } from './parts.ts'

/** How many leases a worker holds, and when the first and the last of them end, ms. */
export type Held = Pick<LeaseHolder, 'leases' | 'firstEnd' | 'lastEnd'>

export const NOTHING: Held = { leases: 0, firstEnd: Number.POSITIVE_INFINITY, lastEnd: Number.NEGATIVE_INFINITY }

/** By worker. */
export function heldIn(holders: readonly LeaseHolder[]): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>()
  for (const { workerId, leases, firstEnd, lastEnd } of holders) {
    const others = held.get(workerId) ?? NOTHING
    held.set(workerId, {
      leases: others.leases + leases,
      firstEnd: Math.min(others.firstEnd, firstEnd),
      lastEnd: Math.max(others.lastEnd, lastEnd),
    })
  }
  return held
}

export function isSameHeld(one: Held, other: Held): boolean {
  return one.leases === other.leases && one.firstEnd === other.firstEnd && one.lastEnd === other.lastEnd
}

/** Asks what a worker holds now; `null`: the store does not say. Those who ask together share a call. */
export function createHeldNow({ store, clock, underWay }: Parts): (workerId: string) => Promise<Held | null> {
  const ask = coalesce<string, Held | null>({
    clock,
    maxItems: Number.POSITIVE_INFINITY,
    maxWeight: Number.POSITIVE_INFINITY,
    weightOf: () => 0,
    async run(workerIds) {
      // Trouble with the store is told, and dealt with, at the end of the grace.
      const held = await store.presence.holders().then(heldIn, () => null)
      return workerIds.map((workerId) => (held === null ? null : (held.get(workerId) ?? NOTHING)))
    },
  })
  return (workerId) => underWay.track(ask(workerId))
}
