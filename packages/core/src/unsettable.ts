import type { Clock } from './ports/clock.ts'

/**
 * The same clock for spans of time: its `now()` goes on evenly whatever the machine's clock is set to, and counts from any
 * moment. Not to be compared with times of day, as those of a store.
 */
export function unsettable(clock: Clock): Clock {
  const { monotonic } = clock
  return monotonic === undefined ? clock : { now: () => monotonic.call(clock), after: clock.after.bind(clock) }
}
