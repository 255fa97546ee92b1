/** How a loop fares. Times are milliseconds since the epoch. */
export interface LoopReport {
  readonly name: string
  readonly intervalMs: number | null
  readonly essential: boolean
  readonly healthy: boolean
  /** When its work was last done well. */
  readonly lastRunAt: number | null
  readonly failingSince: number | null
  readonly reason: string | null
  readonly rounds: number
  readonly failures: number
  /** How long all its rounds have taken together, ms. */
  readonly busyMs: number
}
