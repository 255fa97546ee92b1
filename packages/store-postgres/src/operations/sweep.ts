import type { SweepParams, SweepReport } from '@taskyard/core'
import { createBackground } from '../background.ts'
import type { StoreContext } from '../store-context.ts'
import { createClaimRequests } from './claim-requests.ts'
import { endOverdueLeases } from './leases.ts'
import { createLoneLeases } from './lone-leases.ts'
import { promoteDue } from './promote.ts'
import { createReadyLanes } from './ready-lanes.ts'
import { removeFinished, SMALL_SLOT_BYTES } from './retention.ts'
import { createRowScans } from './row-scans.ts'
import { createTimeSlotAccess } from './time-slot-access.ts'
import { createTimeSlotUpkeep } from './time-slot-upkeep.ts'
import { createTimeSlots } from './time-slots.ts'
import { createVacuum } from './vacuum.ts'

export interface Sweeping {
  sweep(params: SweepParams): Promise<SweepReport>
  /** Begins no further chores. */
  stop(): void
  /** Resolves when no chore is under way. */
  idle(): Promise<void>
}

/** Leases that were due so long ago are looked at again only now and then, for they have ended. Milliseconds. */
const LOOK_BACK_MS = 5_000
const LOOK_AT_ALL_EVERY_MS = 30_000
/** In a larger table a sweep looks no further ahead than this: the dead rows of leases that ended in time lie there. */
const FEW_LEASES_BYTES = 1024 * 1024
const LOOK_AHEAD_MS = 1500
/** A sweep waits so long for new slots, which are quick to make mostly. */
const LONGEST_WAIT_MS = 500

/**
 * Every process may sweep: rows that another one works on are passed over. What may take long is begun and not waited for.
 * A chore that fails takes nothing from the others, least of all the word of the leases that have ended.
 * @param processId of this process among those that sweep
 * @param nowMs a monotonic clock, ms
 */
export function createSweeping(
  context: StoreContext,
  processId: string,
  nowMs: () => number,
  smallSlotBytes = SMALL_SLOT_BYTES,
): Sweeping {
  const background = createBackground()
  const access = createTimeSlotAccess(context.maintenance)
  const slots = createTimeSlots(context, access, nowMs)
  const upkeep = createTimeSlotUpkeep(context, access, processId, nowMs, smallSlotBytes)
  const vacuum = createVacuum(context.maintenance, nowMs)
  const readyLanes = createReadyLanes(context.maintenance, nowMs)
  const scans = createRowScans(nowMs)
  const claimRequests = createClaimRequests(context, nowMs)
  const loneLeases = createLoneLeases(context, nowMs)
  let lookedAtAllAt = Number.NEGATIVE_INFINITY
  let dueAfter = 0
  let isStopped = false

  async function doChores({ retention, limit }: SweepParams) {
    const { attempt } = background
    const remove = () => removeFinished(context, scans, upkeep, retention, limit, smallSlotBytes)
    const removal = await attempt('retention', remove)
    await attempt('idempotency keys', () => forgetKeys(context, limit))
    await attempt('claim requests', () => claimRequests.forget(limit))
    await attempt('lone leases', () => loneLeases.forget(limit))
    await attempt('counters', () => foldCounters(context))
    if (!isStopped) {
      await background.startAndWait('new slots of time', () => slots.prepare(retention), LONGEST_WAIT_MS)
      background.start('old slots of time', () => upkeep.run(retention))
      background.start('vacuum', () => vacuum.hotTables())
      background.start('lanes that come first', () => readyLanes.renew())
    }
    return { removed: (removal?.removed ?? 0) + upkeep.takeRemoved(), isBehind: removal?.isBehind === true }
  }

  return {
    async sweep(params) {
      if (nowMs() - lookedAtAllAt >= LOOK_AT_ALL_EVERY_MS) dueAfter = 0
      const promoted = await promoteDue(context)
      const ended = await endOverdueLeases(context, params, dueAfter)
      const { removed, isBehind } = await doChores(params)
      const next = await background.attempt('next wake', () => nextWake(context, params.cancelGraceMs, dueAfter))
      const failures = background.failures()
      const told = failures.length === 0 ? {} : { failures }
      if (next === null) return { ended, promoted, removed, nextAt: null, ...told }
      const { now, nextAt } = next
      const comeBack = isBehind || ended.length === params.limit
      // Behind this moment leave the dead rows of leases that ended in time, which are not worth a walk each second.
      if (dueAfter === 0) lookedAtAllAt = nowMs()
      if (ended.length < params.limit) dueAfter = Math.max(dueAfter, now - LOOK_BACK_MS)
      return { ended, promoted, removed, nextAt: comeBack ? now : nextAt, ...told }
    },
    stop() {
      isStopped = true
      upkeep.stop()
    },
    idle: () => background.idle(),
  }
}

async function nextWake(
  { database, time }: StoreContext,
  cancelGraceMs: number,
  dueAfter: number,
): Promise<{ now: number; nextAt: number | null }> {
  const rows = await database.run<[string, string | null]>(
    `SELECT @server_now($1, $2), least(
       CASE WHEN pg_relation_size('@leases') < ${FEW_LEASES_BYTES} THEN (SELECT min(due_at) FROM @leases WHERE due_at > $4)
         ELSE (SELECT min(due_at) FROM @leases WHERE due_at > $4 AND due_at <= @server_now($1, $2) + ${LOOK_AHEAD_MS}) END,
       (SELECT min(cancel_requested_at) FROM @leases WHERE cancel_requested_at IS NOT NULL) + $3,
       (SELECT min(run_at) FROM @scheduled))`,
    [...time.params(), cancelGraceMs, dueAfter],
  )
  const [now, nextAt] = rows[0] as [string, string | null]
  return { now: time.saw(now), nextAt: nextAt === null ? null : Number(nextAt) }
}

async function forgetKeys({ database, time }: StoreContext, limit: number): Promise<void> {
  await database.run(
    `DELETE FROM @idempotency WHERE (namespace, key) IN (
       SELECT namespace, key FROM @idempotency WHERE expires_at <= (SELECT @server_now($1, $2)) ORDER BY expires_at LIMIT $3
       FOR UPDATE SKIP LOCKED
     )`,
    [...time.params(), limit],
  )
}

const SUMS = ['scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'finished_total', 'finished_bytes']

/** Adds up what transactions have left behind; a reader sees the same sums before and after. */
async function foldCounters({ database }: StoreContext): Promise<void> {
  await database.run(
    `WITH changes AS (
       DELETE FROM @counter_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM @counter_changes FOR UPDATE SKIP LOCKED)) RETURNING *
     )
     INSERT INTO @counters AS c (lane, ${SUMS.join(', ')})
     SELECT lane, ${SUMS.map((sum) => `sum(${sum})`).join(', ')} FROM changes GROUP BY lane ORDER BY lane
     ON CONFLICT (lane) DO UPDATE SET ${SUMS.map((sum) => `${sum} = c.${sum} + excluded.${sum}`).join(', ')}`,
  )
}
