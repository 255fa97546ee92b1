import type { EndedLease } from '@taskyard/core'
import { type Held, heldIn, isSameHeld, NOTHING } from './held-leases.ts'
import { livingOf } from './lease-holders.ts'
import type { Parts } from './parts.ts'
import type { Presence } from './presence.ts'
import type { SessionGraces } from './session-graces.ts'
import { isUnexpected } from './unexpected.ts'

/** The end of leases that could not be decided or stored is tried again after so long. */
const AGAIN_MS = 1000

/** Ends the leases of workers that are gone. */
export interface LeaseEndings {
  /** The grace of this worker is over. Those that come while others are being dealt with are dealt with together. */
  graceIsOver(workerId: string): void
  /** Of those who have not come back, here or to another process. Never rejects: what cannot be done is tried again. */
  endUnlessAlive(workerIds: readonly string[]): Promise<void>
  /**
   * What a start of this worker that is dead has left, as long as the worker holds just that: what another start holds cannot be
   * told from it.
   */
  endLeft(workerId: string, left: Held): Promise<void>
  /** Of workers that are known to be gone. */
  end(workerIds: readonly string[]): Promise<void>
  stop(): void
}

export function createLeaseEndings(
  parts: Parts,
  graces: SessionGraces,
  presence: Presence | null,
  onEnded: (ended: readonly EndedLease[]) => void,
): LeaseEndings {
  const { store, troubles } = parts
  const overdue = new Set<string>()
  let stopped = false
  let isEnding = false

  async function endOverdue(): Promise<void> {
    if (isEnding) return
    isEnding = true
    while (overdue.size > 0 && !stopped) {
      const workerIds = [...overdue].filter((workerId) => !graces.isConnected(workerId))
      overdue.clear()
      await endUnlessAlive(workerIds)
    }
    isEnding = false
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async function endUnlessAlive(workerIds: readonly string[], left?: Held): Promise<void> {
    try {
      const gone = await goneForGood(workerIds, left)
      if (gone === null) return again(workerIds)
      await end(gone)
      for (const workerId of workerIds) graces.forget(workerId)
      troubles.worked('sessions')
    } catch (error) {
      troubles.failed('sessions', error)
      again(workerIds)
    }
  }

  /** Those who have not come back, here or to another process, and hold what is said; `null` when that cannot be told yet. */
  async function goneForGood(workerIds: readonly string[], left?: Held): Promise<readonly string[] | null> {
    // Our own beat must not be the one that still names them.
    await presence?.beat()
    if (presence?.isTrusted() === false) return null
    const holders = await store.holders()
    if (presence?.isTrusted() === false) return null
    graces.heed(holders)
    const living = livingOf(holders)
    const held = heldIn(holders)
    const holds = (id: string) => left === undefined || isSameHeld(left, held.get(id) ?? NOTHING)
    return workerIds.filter((id) => holds(id) && !living.has(id) && !graces.isConnected(id) && !graces.hasGrace(id))
  }

  async function end(workerIds: readonly string[]): Promise<void> {
    if (workerIds.length === 0) return
    try {
      onEnded(await store.endLeases({ workerIds }))
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

  function again(workerIds: readonly string[]): void {
    for (const workerId of workerIds) {
      if (!graces.isConnected(workerId) && !graces.hasGrace(workerId)) graces.start(workerId, AGAIN_MS)
    }
  }

  return {
    graceIsOver(workerId) {
      overdue.add(workerId)
      void parts.underWay.track(endOverdue())
    },
    endUnlessAlive: (workerIds) => endUnlessAlive(workerIds),
    endLeft: (workerId, left) => endUnlessAlive([workerId], left),
    end,
    stop() {
      stopped = true
    },
  }
}
