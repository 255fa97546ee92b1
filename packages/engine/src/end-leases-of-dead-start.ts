import type { WorkerKey } from '@taskyard/core'
import type { Connections } from './connections.ts'
import type { EndLeases } from './end-leases.ts'
import type { EngineContext } from './engine-context.ts'
import { type HeldLeases, heldLeasesByWorker, isSameHeldLeases, NO_LEASES } from './held-leases.ts'
import { type AskWhenTrusted, aliveWorkers } from './lease-holders.ts'

/** What could not be decided or stored is tried again after so long. */
const AGAIN_MS = 1000
/** So long at most: beats are trusted after 5 s without a gap. */
const PATIENCE_MS = 10_000

/**
 * Ends what a dead start of this worker has left, as long as the worker holds just that: what another start holds cannot be told
 * from it. Never rejects; resolves when it is done, or could not be done for 10 s.
 */
export type EndLeasesOfDeadStart = (worker: WorkerKey, left: Promise<HeldLeases | null>) => Promise<void>

/** Failures are reported as those of the loop `session-graces`, whose work this is. */
export function createEndLeasesOfDeadStart(
  { clock, incidents, pendingCalls, isStopping }: EngineContext,
  connections: Connections,
  askWhenTrusted: AskWhenTrusted,
  endLeases: EndLeases,
): EndLeasesOfDeadStart {
  async function isDone(worker: WorkerKey, left: HeldLeases): Promise<boolean> {
    try {
      const answer = await askWhenTrusted()
      if (answer === null) return false
      const holdsJustThat = isSameHeldLeases(left, heldLeasesByWorker(answer.holders).get(worker) ?? NO_LEASES)
      const lives = connections.has(worker) || aliveWorkers(answer.holders).has(worker)
      if (holdsJustThat && !lives) await endLeases([worker])
      incidents.worked('session-graces')
      return true
    } catch (error) {
      incidents.failed('session-graces', error)
      return false
    }
  }

  return async (worker, asked) => {
    const left = await asked
    if (left === null || left.leases === 0) return
    const until = clock.now() + PATIENCE_MS
    while (!(await pendingCalls.track(isDone(worker, left)))) {
      if (isStopping() || clock.now() >= until) return
      await new Promise<void>((resolve) => clock.after(AGAIN_MS, resolve))
    }
  }
}
