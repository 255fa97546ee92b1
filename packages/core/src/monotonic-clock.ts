import type { Clock } from './ports/clock.ts'

/**
 * The same clock, monotonic: its `now()` goes on evenly whatever the machine's clock is set to, and counts from any
 * moment. Not to be compared with times of day, as those of a store. Its functions may be taken out of it.
 */
export function monotonicClock(clock: Clock): Clock {
  return {
    now: () => clock.monotonic?.() ?? clock.now(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
  }
}
