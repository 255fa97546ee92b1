import type { EndedLease, PresencePort } from '@taskyard/core'
import { isUnexpected } from './unexpected.ts'

/** Ends the leases of workers that are known to be gone. */
export type EndLeases = (workerIds: readonly string[]) => Promise<void>

export function createEndLeases(presence: PresencePort, onEnded: (ended: readonly EndedLease[]) => void): EndLeases {
  async function end(workerIds: readonly string[]): Promise<void> {
    if (workerIds.length === 0) return
    try {
      onEnded(await presence.endLeases({ workerIds }))
    } catch (error) {
      if (workerIds.length === 1 || !isUnexpected(error)) throw error
      // One of them may be to blame, for whom the others' tasks need not wait.
      await endEach(workerIds)
    }
  }

  async function endEach(workerIds: readonly string[]): Promise<void> {
    const failures: unknown[] = []
    for (const workerId of workerIds) await end([workerId]).catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  return end
}
