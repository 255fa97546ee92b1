import type { Attempt } from './attempt.ts'
import { isSuspect } from './ready-attempts.ts'

const WINDOW_MS = 20
const HORIZON_MS = 50
const MAX_LOOKAHEAD = 2000
const READY_MS = 2000

/**
 * How many tasks to lease beyond those that can run now. By Little's law, `rate × horizon` tasks bridge the next 50 ms,
 * so fast tasks keep the worker busy over a round trip, and slow ones are left to workers that can start them.
 */
export class Lookahead {
  readonly #fixed: number | null
  #ratePerMs = 0
  #finished = 0
  #windowStart: number

  constructor(fixed: number | null, now: number) {
    this.#fixed = fixed
    this.#windowStart = now
  }

  get size(): number {
    return this.#fixed ?? Math.min(MAX_LOOKAHEAD, Math.floor(this.#ratePerMs * HORIZON_MS))
  }

  get max(): number {
    return this.#fixed ?? MAX_LOOKAHEAD
  }

  /** When a task that has not started goes to other workers: it was leased by an estimate that proved wrong. ms */
  giveBackAt(attempt: Attempt): number {
    const isEstimated = this.#fixed === null && !isSuspect(attempt)
    return isEstimated ? attempt.receivedAt + READY_MS : Number.POSITIVE_INFINITY
  }

  /** A window weighs the more the longer it was: after a stall only the stall counts. */
  observe(finished: number, now: number): void {
    this.#finished += finished
    const elapsed = now - this.#windowStart
    if (elapsed < WINDOW_MS && elapsed >= 0) return
    if (elapsed > 0)
      this.#ratePerMs += (this.#finished / elapsed - this.#ratePerMs) * (1 - Math.exp(-elapsed / WINDOW_MS))
    this.#finished = 0
    this.#windowStart = now
  }
}
