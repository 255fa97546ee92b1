import type { Clock } from '@taskyard/core'

/** Milliseconds by which a clock may go back and be taken for a small correction. */
const SMALL_STEP_MS = 1000

/**
 * The store's clock: `clock`, but never backwards. A small step back holds the time still until the clock has caught
 * up; a large one (somebody set the clock) is followed, counted on from the last reading, so that leases still end in time.
 */
export function createSteadyClock(clock: Clock): () => number {
  let last = 0
  let offset = 0
  return () => {
    const now = clock.now() + offset
    if (now < last - SMALL_STEP_MS) offset += last - now
    last = Math.max(last, clock.now() + offset)
    return last
  }
}
