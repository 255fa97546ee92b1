import type { Clock } from '@taskyard/core'

/** Milliseconds by which a clock may be off its course and be taken for a small correction. */
const SMALL_STEP_MS = 1000

/** What the store's clock says. */
export interface StoreTime {
  readonly now: number
  /** By how much the clock was set forward, all times together: time that `now` passed over, and nobody lived through. */
  readonly skippedMs: number
}

/**
 * The store's clock: `clock`, but never backwards. A small step back holds the time still until the clock has caught
 * up; a large one (somebody set the clock) is followed, counted on from the last reading, so that leases still end in time.
 * A large step forward is followed and told.
 */
export function createSteadyClock(clock: Clock): () => StoreTime {
  const monotonic = () => clock.monotonic?.() ?? clock.now()
  let last = 0
  let offset = 0
  let skippedMs = 0
  let [lastWall, lastElapsed] = [clock.now(), monotonic()]

  return () => {
    const wall = clock.now()
    const elapsed = monotonic()
    const stepMs = Math.round(wall - lastWall - (elapsed - lastElapsed))
    lastWall = wall
    lastElapsed = elapsed
    if (stepMs > SMALL_STEP_MS) {
      // A clock that was set back and is put right again passes over nothing.
      const madeGood = Math.min(offset, stepMs)
      offset -= madeGood
      skippedMs += stepMs - madeGood
    }
    if (wall + offset < last - SMALL_STEP_MS) offset += last - (wall + offset)
    last = Math.max(last, wall + offset)
    return { now: last, skippedMs }
  }
}
