import type { TaskyardError } from '../errors.ts'
import type { Retention } from '../limits.ts'
import type { EndedLease } from './presence.ts'

/** Housekeeping. */
export interface UpkeepPort {
  /**
   * Housekeeping in one bounded step: due tasks become ready, expired leases and passed deadlines end, overdue cancels
   * are enforced, retention removes what is over its bounds. Says when it wants to be called again.
   */
  sweep(params: SweepParams): Promise<SweepReport>
}

export interface SweepParams {
  /** How long a running task may take to obey a cancel request. */
  readonly cancelGraceMs: number
  readonly retention: Retention
  /** At most this many tasks per chore. */
  readonly limit: number
  /** Uniform in [0, 1), for the backoff of timed-out tasks. */
  readonly jitter: number
}

export interface SweepReport {
  readonly ended: readonly EndedLease[]
  /** Due tasks made ready. */
  readonly promoted: number
  /** Tasks removed by retention. */
  readonly removed: number
  /** When the next lease, deadline, cancel or due task wants a sweep, ms; `null`: nothing is foreseen. */
  readonly nextAt: number | null
  /**
   * Chores that failed when they ran last, where there are any. The store is there nevertheless, and the rest of the
   * report holds.
   */
  readonly failures?: readonly ChoreFailure[]
}

export interface ChoreFailure {
  /** In words. */
  readonly chore: string
  /** The same object for as long as it is the same failure. */
  readonly error: TaskyardError
}
