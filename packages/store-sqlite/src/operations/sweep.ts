import type { SweepParams, SweepReport } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { endOverdueLeases } from './leases.ts'
import { promoteDue } from './promote.ts'
import { removeFinished } from './retention.ts'

/** The port's `sweep`. Each chore is bounded by `limit`; `nextAt` is now while any has more to do. */
export function sweep(state: State, params: SweepParams, now: number): SweepReport {
  const promoted = promoteDue(state, now)
  const ended = endOverdueLeases(state, params, now)
  const { removed, hasMore } = removeFinished(state, params.retention, params.limit, now)
  forgetKeys(state, params.limit, now)
  const isBehind = ended.length === params.limit || hasMore || state.nextDue <= now
  return { ended, promoted, removed, nextAt: isBehind ? now : nextWake(state, params.cancelGraceMs) }
}

function nextWake(state: State, cancelGraceMs: number): number | null {
  const row = row1<[number | null, number | null, number | null]>(
    state.sql('SELECT min(expires_at), min(deadline_at), min(cancel_requested_at) FROM leases'),
  )
  const [expiresAt, deadlineAt, cancelRequestedAt] = row ?? [null, null, null]
  const cancelAt = cancelRequestedAt === null ? null : cancelRequestedAt + cancelGraceMs
  const times = [expiresAt, deadlineAt, cancelAt, state.nextDue].filter((time) => time !== null)
  const next = Math.min(...times)
  return next === Number.POSITIVE_INFINITY ? null : next
}

function forgetKeys(state: State, limit: number, now: number): void {
  const forget = state.sql(
    `DELETE FROM idempotency WHERE (namespace, key) IN
       (SELECT namespace, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
  )
  forget.run(now, limit)
}
