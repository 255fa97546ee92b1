import type { State } from './state.ts'

// When the clock is set forward, the time between was lived through by nobody: leases and deadlines of running attempts, and
// the beats of processes, keep what they had left. What is due at a time of day is due.

/** @param skippedMs all times together, as the newest call says */
export function noteSkipped(state: State, skippedMs: number): void {
  const byMs = skippedMs - state.skippedMs
  if (byMs <= 0) return
  state.skippedMs = skippedMs
  state.unshiftedMs += byMs
  state.nodes = state.nodes.map((node) => ({ ...node, until: node.until + byMs }))
}

/** Moves the leases by what was skipped since this was last done. */
export function shiftLeases(state: State): void {
  if (state.unshiftedMs === 0) return
  const move = state.sql(
    `UPDATE leases SET expires_at = expires_at + ?1, deadline_at = deadline_at + ?1,
       cancel_requested_at = cancel_requested_at + ?1`,
  )
  move.run(state.unshiftedMs)
  state.unshiftedMs = 0
}
