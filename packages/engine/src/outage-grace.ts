import type { Clock } from '@taskyard/core'
import type { Standstills } from './standstills.ts'

/** How long workers have, after the store or this process was away, to extend the leases that ran out meanwhile. */
const OUTAGE_GRACE_MS = 3000
/** Standstills in a row for which there is a grace: a machine that always stands still must end leases, too. */
const MOST_EXCUSED = 3

/** The moment after an outage of the store, or a standstill of this process, in which nothing is swept. */
export class OutageGrace {
  readonly #clock: Clock
  readonly #standstills: Standstills
  #until = Number.NEGATIVE_INFINITY
  #excusedEnd = Number.NEGATIVE_INFINITY
  #excused = 0

  constructor(clock: Clock, standstills: Standstills) {
    this.#clock = clock
    this.#standstills = standstills
  }

  /** When it is over, ms by the monotonic clock. */
  get until(): number {
    return this.#until
  }

  /** The store is back. */
  begin(): void {
    this.#until = this.#clock.now() + OUTAGE_GRACE_MS
  }

  /** Begins when this process has stood still since the last time. */
  excuseStandstill(): void {
    const end = this.#standstills.lastEnd()
    if (end <= this.#excusedEnd || this.#excused >= MOST_EXCUSED) return
    this.#excusedEnd = end
    this.#excused += 1
    this.#until = Math.max(this.#until, end + OUTAGE_GRACE_MS)
  }

  /** A sweep was done: further standstills are excused. */
  swept(): void {
    this.#excused = 0
  }
}
