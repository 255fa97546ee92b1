import type { StoreContext } from '../store-context.ts'

/** Between two looks, which read all leases. Milliseconds. */
const EVERY_MS = 15_000

/** Claims that can be repeated, as the store remembers them. */
export interface ClaimRequests {
  /** Removes those whose leases have ended; quick when it is not yet time to look. */
  forget(limit: number): Promise<void>
}

/** @param nowMs a monotonic clock, ms */
export function createClaimRequests({ database, time }: StoreContext, nowMs: () => number): ClaimRequests {
  let lookedAt = Number.NEGATIVE_INFINITY
  return {
    async forget(limit) {
      if (nowMs() - lookedAt < EVERY_MS) return
      const removed = await database.run(
        `DELETE FROM @claim_requests WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM @claim_requests
           WHERE until <= @server_now($1, $2) AND claim NOT IN (SELECT claim FROM @leases WHERE claim IS NOT NULL)
           LIMIT $3 FOR UPDATE SKIP LOCKED
         )) RETURNING 1`,
        [...time.params(), limit],
      )
      if (removed.length < limit) lookedAt = nowMs()
    },
  }
}
