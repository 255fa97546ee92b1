import type { SweepParams, SweepReport } from '@taskyard/core'
import type { Parts } from '../parts.ts'
import { endOverdueLeases } from './leases.ts'
import { DUE_AT_ONCE, promoteDue } from './promote.ts'
import { removeFinished } from './retention.ts'
import type { Slots } from './slots.ts'

/** Every process may sweep: rows that another one works on are passed over. */
export async function sweep(parts: Parts, slots: Slots, params: SweepParams): Promise<SweepReport> {
  const promoted = await promoteDue(parts)
  const ended = await endOverdueLeases(parts, params)
  const { removed, isBehind } = await removeFinished(parts, slots, params.retention, params.limit)
  await slots.prepare(params.retention)
  await forgetKeys(parts, params.limit)
  await foldCounters(parts)
  const { now, nextAt } = await nextWake(parts, params.cancelGraceMs)
  const comeBack = isBehind || ended.length === params.limit || removed >= params.limit || promoted === DUE_AT_ONCE
  return { ended, promoted, removed, nextAt: comeBack ? now : nextAt }
}

async function nextWake(
  { database, time }: Parts,
  cancelGraceMs: number,
): Promise<{ now: number; nextAt: number | null }> {
  const rows = await database.run<[string, string | null]>(
    `SELECT @server_now($1, $2), least(min(expires_at), min(deadline_at), min(cancel_requested_at) + $3,
       (SELECT min(run_at) FROM @scheduled)) FROM @leases`,
    [...time.params(), cancelGraceMs],
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
