import type { ClaimParams } from '@taskyard/core'
import type { ClaimName } from '../claim-requests.ts'
import { rows, type State } from '../state.ts'
import type { ClaimedRow, ClaimedRows, GivenLease } from '../wire.ts'

/** What this very claim gave and still holds, extended; `null` when nothing of it holds, or it has no name. */
export function repeatedClaim(state: State, params: ClaimParams, now: number): ClaimedRows | null {
  const name = nameOf(params)
  const given = name === null ? [] : state.requests.get(name)
  if (given.length === 0) return null
  const seqs = JSON.stringify(given)
  const extend = 'UPDATE leases SET expires_at = max(?, expires_at + 1) WHERE seq IN (SELECT value FROM json_each(?))'
  state.sql(extend).run(now + params.leaseMs, seqs)
  const found = rows<[startedAt: number, ...GivenLease, ...ClaimedRow]>(
    state.sql(
      `SELECT l.started_at, l.expires_at, l.cancel_requested_at, l.progress, l.lane, t.id, t.priority, t.payload, t.created_at,
         t.max_attempts, t.timeout_seconds, t.backoff, t.tags, t.idempotency_key, l.ready_at, l.attempt, l.crashes, l.token
       FROM leases l JOIN tasks t USING (seq) WHERE seq IN (SELECT value FROM json_each(?))
       ORDER BY t.priority DESC, seq`,
    ),
    seqs,
  )
  return {
    rows: found.map(([, , , , ...row]) => row),
    lanes: [...new Set(found.map(([, , , , lane]) => lane))].map((lane) => state.lanes.get(lane)),
    startedAt: found[0]?.[0] ?? now,
    leases: found.map(([, expiresAt, cancelRequestedAt, progress]) => [expiresAt, cancelRequestedAt, progress]),
    workerId: params.worker.workerId,
  }
}

/** What the claim is remembered by; `null`: it has no request id and cannot be repeated. */
export function nameOf({ namespace, worker, requestId }: ClaimParams): ClaimName | null {
  return requestId === null ? null : { namespace, workerId: worker.workerId, requestId }
}
