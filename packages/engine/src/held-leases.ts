import { type LeaseHolder, type WorkerKey, workerKey } from '@taskyard/core'
import { coalesce } from './coalesce.ts'
import type { EngineContext } from './engine-context.ts'

/** How many leases a worker holds, and when the first and the last of them end, ms. */
export type HeldLeases = Pick<LeaseHolder, 'leases' | 'firstEnd' | 'lastEnd'>

export const NO_LEASES: HeldLeases = {
  leases: 0,
  firstEnd: Number.POSITIVE_INFINITY,
  lastEnd: Number.NEGATIVE_INFINITY,
}

/** By the key of the worker. */
export function heldLeasesByWorker(holders: readonly LeaseHolder[]): ReadonlyMap<WorkerKey, HeldLeases> {
  const held = new Map<WorkerKey, HeldLeases>()
  for (const holder of holders) {
    const { leases, firstEnd, lastEnd } = holder
    const worker = workerKey(holder)
    const others = held.get(worker) ?? NO_LEASES
    held.set(worker, {
      leases: others.leases + leases,
      firstEnd: Math.min(others.firstEnd, firstEnd),
      lastEnd: Math.max(others.lastEnd, lastEnd),
    })
  }
  return held
}

/** Whether nothing shows that leases were added, extended or ended from one look to the other. */
export function isSameHeldLeases(one: HeldLeases, other: HeldLeases): boolean {
  return one.leases === other.leases && one.firstEnd === other.firstEnd && one.lastEnd === other.lastEnd
}

/** Asks what a worker holds now; `null`: the store does not say. Those who ask together share a call. */
export function createAskHeldLeases({
  store,
  clock,
  pendingCalls,
}: EngineContext): (worker: WorkerKey) => Promise<HeldLeases | null> {
  const ask = coalesce<WorkerKey, HeldLeases | null>({
    clock,
    maxItems: Number.POSITIVE_INFINITY,
    maxWeight: Number.POSITIVE_INFINITY,
    weightOf: () => 0,
    async run(workers) {
      // A store that fails is reported, and dealt with, at the end of the grace.
      const held = await store.presence.holders({ namespace: null }).then(heldLeasesByWorker, () => null)
      return workers.map((worker) => (held === null ? null : (held.get(worker) ?? NO_LEASES)))
    },
  })
  return (worker) => pendingCalls.track(ask(worker))
}
