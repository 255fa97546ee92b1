import { type EndedLease, type PresencePort, type WorkerKey, workerOfKey } from '@taskyard/core'
import { isUnexpected } from './unexpected.ts'

/** Ends the leases of workers that are known to be gone, by their keys. */
export type EndLeases = (workers: readonly WorkerKey[]) => Promise<void>

/**
 * All in one call. Where that fails unexpectedly, each worker's by themselves: those of the others end although it rejects.
 */
export function createEndLeases(presence: PresencePort, onEnded: (ended: readonly EndedLease[]) => void): EndLeases {
  async function end(workers: readonly WorkerKey[]): Promise<void> {
    if (workers.length === 0) return
    try {
      onEnded(await presence.endLeases({ workers: workers.map(workerOfKey) }))
    } catch (error) {
      if (workers.length === 1 || !isUnexpected(error)) throw error
      // One of them may be to blame, for whom the others' tasks need not wait.
      await endEach(workers)
    }
  }

  async function endEach(workers: readonly WorkerKey[]): Promise<void> {
    const failures: unknown[] = []
    for (const worker of workers) await end([worker]).catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  return end
}
