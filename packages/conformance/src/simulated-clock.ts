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

export const SIMULATED_START = Date.UTC(2026, 0, 1)

export function createSimulatedClock(startMs: number = SIMULATED_START): SimulatedClock {
  let now = startMs
  let timers: readonly Timer[] = []

  function earliestDue(until: number): Timer | null {
    return timers.reduce<Timer | null>((first, timer) => {
      if (timer.at > until) return first
      return first === null || timer.at < first.at ? timer : first
    }, null)
  }

  return {
    now: () => now,
    after(delayMs, callback) {
      const timer = { at: now + Math.max(0, delayMs), callback }
      timers = [...timers, timer]
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    async advance(ms) {
      const until = now + ms
      await setImmediate()
      for (let timer = earliestDue(until); timer !== null; timer = earliestDue(until)) {
        const due = timer
        timers = timers.filter((other) => other !== due)
        now = Math.max(now, due.at)
        due.callback()
        await setImmediate()
      }
      now = Math.max(now, until)
      await setImmediate()
    },
  }
}

interface Timer {
  readonly at: number
  readonly callback: () => void
}
