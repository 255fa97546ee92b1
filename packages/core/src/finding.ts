/** One thing an operator should know: what was looked at, what is there, and what to do about it. */
export interface Finding {
  /** A short name of what was looked at, such as `fsync` or `dead rows`. */
  readonly check: string
  readonly verdict: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do; `null` when all is well. */
  readonly advice: string | null
}
