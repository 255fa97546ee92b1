import type { LeasedTask } from '@taskyard/core'
import type { GivenLease } from './engine.ts'
import type { Parts } from './parts.ts'

/** Gives leases back whose answer nobody hears, each as long as nobody has extended it nor repeated its claim since, at any server. */
export type GiveBack = (leases: readonly GivenLease[]) => Promise<void>

/** Never rejects: what cannot be given back runs out. */
export function createGiveBack({ store, troubles, underWay }: Parts): GiveBack {
  async function release(leases: readonly GivenLease[]): Promise<void> {
    const settlements = leases.map(({ taskId, token, expiresAt }) => {
      return { taskId, token, expiresAt, outcome: 'released' as const }
    })
    try {
      await store.settle({ settlements, claim: null })
      troubles.worked('giving tasks back')
    } catch (error) {
      troubles.failed('giving tasks back', error)
    }
  }
  return (leases) => (leases.length === 0 ? Promise.resolve() : underWay.track(release(leases)))
}

/**
 * What of an answer that nobody hears may go back: not what was given before, to a call of the same name that may have been
 * heard. What was given first ends later as soon as such a call is given it again, so it does not go back from under that.
 */
export function givenFirst(tasks: readonly LeasedTask[]): readonly GivenLease[] {
  return tasks
    .filter(({ lease }) => !lease.again)
    .map(({ id, lease: { token, expiresAt } }) => ({ taskId: id, token, expiresAt }))
}
