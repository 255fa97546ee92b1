/** One thing an operator should know: what was looked at, what is there, and what to do about it. */
export interface Finding {
  /** A short name of what was looked at, such as `fsync` or `dead rows`. */
  readonly check: string
  readonly verdict: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do; `null` when all is well. */
  readonly advice: string | null
}

/** Makes findings. */
export const finding = {
  ok: (check: string, detail: string): Finding => ({ check, verdict: 'ok', detail, advice: null }),
  warning: (check: string, detail: string, advice: string): Finding => ({ check, verdict: 'warning', detail, advice }),
  problem: (check: string, detail: string, advice: string): Finding => ({ check, verdict: 'problem', detail, advice }),
}
