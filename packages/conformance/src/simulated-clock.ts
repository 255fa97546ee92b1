import { setImmediate } from 'node:timers/promises'
import type { Clock } from '@taskyard/core'

/** Time that stands still until told to move. */
export interface SimulatedClock extends Clock {
  /**
   * Moves time forward, calling back every timer that falls due, in order of its time and with `now()` at that time.
   * Promise jobs and I/O callbacks get a turn after each timer and at the end.
   */
  advance(ms: number): Promise<void>
}

/** One whose time of day somebody may set. */
export interface SettableClock extends SimulatedClock {
  monotonic(): number
  /** Moves `now()` by so much, forward or back, and nothing else. */
  set(byMs: number): void
}

export const SIMULATED_START = Date.UTC(2026, 0, 1)

/** A clock that shows `startMs` (ms since 1970) and stands still until it is advanced or set. */
export function createSimulatedClock(startMs: number = SIMULATED_START): SettableClock {
  let elapsed = 0
  let setMs = startMs
  let timers: readonly Timer[] = []

  function earliestDue(until: number): Timer | null {
    return timers.reduce<Timer | null>((first, timer) => {
      if (timer.at > until) return first
      return first === null || timer.at < first.at ? timer : first
    }, null)
  }

  return {
    now: () => setMs + elapsed,
    monotonic: () => elapsed,
    set(byMs) {
      setMs += byMs
    },
    after(delayMs, callback) {
      const timer = { at: elapsed + Math.max(0, delayMs), callback }
      timers = [...timers, timer]
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    async advance(ms) {
      const until = elapsed + ms
      await setImmediate()
      for (let timer = earliestDue(until); timer !== null; timer = earliestDue(until)) {
        const due = timer
        timers = timers.filter((other) => other !== due)
        elapsed = Math.max(elapsed, due.at)
        due.callback()
        await setImmediate()
      }
      elapsed = Math.max(elapsed, until)
      await setImmediate()
    },
  }
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}
