import type { ClaimParams } from '@taskyard/core'
import type { ClaimName } from '../claim-requests.ts'
import { rows, type State } from '../state.ts'
import type { ClaimedRow, ClaimedRows } from '../wire.ts'

/** What this very claim gave and still holds, extended; `null` when nothing of it holds, or it has no name. */
export function claimedBefore(state: State, params: ClaimParams, now: number): ClaimedRows | null {
  const name = nameOf(params)
  const given = name === null ? [] : state.requests.get(name)
  if (given.length === 0) return null
  const seqs = JSON.stringify(given)
  const expiresAt = now + params.leaseMs
  const extend = 'UPDATE leases SET expires_at = max(?, expires_at + 1) WHERE seq IN (SELECT value FROM json_each(?))'
  state.sql(extend).run(expiresAt, seqs)
  const found = rows<[startedAt: number, expiresAt: number, ...ClaimedRow]>(
    state.sql(
      `SELECT l.started_at, l.expires_at, l.lane, t.id, t.priority, t.payload, t.created_at, t.max_attempts, t.timeout_seconds,
         t.backoff, t.tags, t.idempotency_key, l.ready_at, l.attempt, l.crashes, l.token
       FROM leases l JOIN tasks t USING (seq) WHERE seq IN (SELECT value FROM json_each(?))
       ORDER BY t.priority DESC, seq`,
    ),
    seqs,
  )
  return {
    rows: found.map(([, , ...row]) => row),
    lanes: [...new Set(found.map(([, , lane]) => lane))].map((lane) => state.lanes.get(lane)),
    startedAt: found[0]?.[0] ?? now,
    expiresAt,
    ends: found.map(([, end]) => end),
    workerId: params.worker.workerId,
  }
}

export function nameOf({ namespace, worker, requestId }: ClaimParams): ClaimName | null {
  return requestId === null ? null : { namespace, workerId: worker.workerId, requestId }
}
