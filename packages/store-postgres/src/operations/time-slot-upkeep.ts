import type { Retention } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { createBackOff } from '../back-off.ts'
import { isLocked } from '../postgres-errors.ts'
import type { StoreContext } from '../store-context.ts'
import type { WholeSlots } from './retention.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { TimeSlotSteps } from './time-slot-steps.ts'

export interface TimeSlotUpkeep extends WholeSlots {
  /** Rewrites and dissolves slots until nothing is left to be done; `false` when it is not yet time to try again. */
  run(retention: Retention): Promise<boolean>
  /** Tasks that are gone since the last call. */
  takeRemoved(): number
  /** `run` ends after the step under way. */
  stop(): void
}

/** Between two steps that lock everybody out for a moment. */
const BETWEEN_LOCKS_MS = 500
/** A process that cares for the slots and dies is followed by another one after so long. */
const KEEPER_MS = 60_000

/**
 * Cares for slots that are old: rewrites them when they are mostly over, moves what little is left of others to the rest, and
 * makes one of many. One process does so at a time.
 * @param processId of this process among those that sweep
 * @param nowMs a monotonic clock, ms
 */
export function createTimeSlotUpkeep(
  context: StoreContext,
  access: TimeSlotAccess,
  processId: string,
  nowMs: () => number,
  smallSlotBytes: number,
): TimeSlotUpkeep {
  const backOff = createBackOff(nowMs)
  const steps = new TimeSlotSteps(context, access, nowMs, smallSlotBytes)
  let removed = 0
  let stopped = false
  let wake = () => {}

  async function runSteps(retention: Retention): Promise<void> {
    while (!stopped && (await isKeeper(context, processId))) {
      const startedAt = nowMs()
      const done = await steps.next(retention)
      backOff.worked()
      if (done === null) return
      removed += done.removed
      await rest(done.locked ? BETWEEN_LOCKS_MS : nowMs() - startedAt)
    }
  }

  // In real time, in which the calls of others go on, whatever clock the tasks go by.
  async function rest(ms: number): Promise<void> {
    if (stopped) return
    const { promise, resolve } = Promise.withResolvers<void>()
    wake = resolve
    const cancel = systemClock.after(ms, resolve)
    await promise
    cancel()
  }

  return {
    isTooFull: (slot) => steps.isTooFull(slot),
    takeRemoved() {
      const taken = removed
      removed = 0
      return taken
    },
    stop() {
      stopped = true
      wake()
    },
    async run(retention) {
      if (!backOff.isDue()) return false
      try {
        await runSteps(retention)
        return true
      } catch (error) {
        backOff.failed()
        if (isLocked(error)) return false
        throw error
      }
    },
  }
}

/** By this server's own clock, whatever replaces it elsewhere: it is about processes, not tasks. */
async function isKeeper({ maintenance }: StoreContext, processId: string): Promise<boolean> {
  const [mine] = await maintenance.run(
    `UPDATE @slot_keeper SET process = $1, until = clock.now + ${KEEPER_MS}
     FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock
     WHERE process = $1 OR until < clock.now RETURNING until`,
    [processId],
  )
  return mine !== undefined
}
