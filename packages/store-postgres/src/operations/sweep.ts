import type { SweepParams, SweepReport } from '@taskyard/core'
import type { Parts } from '../parts.ts'
import { endOverdueLeases } from './leases.ts'
import { promoteDue } from './promote.ts'
import { removeFinished } from './retention.ts'
import type { Slots } from './slots.ts'
import type { Vacuum } from './vacuum.ts'

export interface Sweeping {
  sweep(params: SweepParams): Promise<SweepReport>
}

/** Leases that were due so long ago are looked at again only now and then, for they have ended. Milliseconds. */
const LOOK_BACK_MS = 5_000
const LOOK_AT_ALL_EVERY_MS = 30_000
/** In a larger table a sweep looks no further ahead than this: the dead rows of leases that ended in time lie there. */
const FEW_LEASES_BYTES = 1024 * 1024
const LOOK_AHEAD_MS = 1500

/**
 * Every process may sweep: rows that another one works on are passed over.
 * @param nowMs a monotonic clock, ms
 */
export function createSweeping(parts: Parts, slots: Slots, vacuum: Vacuum, nowMs: () => number): Sweeping {
  let lookedAtAllAt = Number.NEGATIVE_INFINITY
  let dueAfter = 0

  return {
    async sweep(params) {
      if (nowMs() - lookedAtAllAt >= LOOK_AT_ALL_EVERY_MS) dueAfter = 0
      const promoted = await promoteDue(parts)
      const ended = await endOverdueLeases(parts, params, dueAfter)
      const { removed, isBehind } = await removeFinished(parts, slots, params.retention, params.limit)
      await slots.prepare(params.retention)
      await forgetKeys(parts, params.limit)
      await foldCounters(parts)
      await vacuum.hotTables()
      const { now, nextAt } = await nextWake(parts, params.cancelGraceMs, dueAfter)
      const comeBack = isBehind || ended.length === params.limit || removed >= params.limit
      // Behind this moment leave the dead rows of leases that ended in time, which are not worth a walk each second.
      if (dueAfter === 0) lookedAtAllAt = nowMs()
      if (ended.length < params.limit) dueAfter = Math.max(dueAfter, now - LOOK_BACK_MS)
      return { ended, promoted, removed, nextAt: comeBack ? now : nextAt }
    },
  }
}

async function nextWake(
  { database, time }: Parts,
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

async function forgetKeys({ database, time }: Parts, limit: number): Promise<void> {
  await database.run(
    `DELETE FROM @idempotency WHERE (namespace, key) IN (
       SELECT namespace, key FROM @idempotency WHERE expires_at <= @server_now($1, $2) ORDER BY expires_at LIMIT $3
       FOR UPDATE SKIP LOCKED
     )`,
    [...time.params(), limit],
  )
}

const SUMS = ['scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'finished_total', 'finished_bytes']

/** Adds up what transactions have left behind; a reader sees the same sums before and after. */
async function foldCounters({ database }: Parts): Promise<void> {
  await database.run(
    `WITH changes AS (
       DELETE FROM @counter_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM @counter_changes FOR UPDATE SKIP LOCKED)) RETURNING *
     )
     INSERT INTO @counters AS c (lane, ${SUMS.join(', ')})
     SELECT lane, ${SUMS.map((sum) => `sum(${sum})`).join(', ')} FROM changes GROUP BY lane ORDER BY lane
     ON CONFLICT (lane) DO UPDATE SET ${SUMS.map((sum) => `${sum} = c.${sum} + excluded.${sum}`).join(', ')}`,
  )
}
