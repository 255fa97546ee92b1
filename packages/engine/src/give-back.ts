import type { GivenLease } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'

/** Gives leases back whose answer nobody hears, each as long as nobody has extended it nor repeated its claim since, at any server. */
export type GiveBack = (namespace: string, leases: readonly GivenLease[]) => Promise<void>

/** Never rejects: what cannot be given back runs out. */
export function createGiveBack({ store, incidents, pendingCalls }: EngineContext): GiveBack {
  async function release(namespace: string, leases: readonly GivenLease[]): Promise<void> {
    const settlements = leases.map((lease) => ({ ...lease, outcome: 'released' as const }))
    try {
      await store.tasks.settle({ namespace, settlements, claim: null })
      incidents.worked('giving tasks back')
    } catch (error) {
      incidents.failed('giving tasks back', error)
    }
  }
  return (namespace, leases) =>
    leases.length === 0 ? Promise.resolve() : pendingCalls.track(release(namespace, leases))
}
