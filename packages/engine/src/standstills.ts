import type { Clock } from '@taskyard/core'

const TICK_MS = 500
/** A timer this late means that the process was stopped, suspended, or too busy to answer anybody. */
const LATE_MS = 1000

export interface Standstills {
  start(): void
  stop(): void
  /** When this process last noticed that it had stood still, ms, by the clock of spans; `-Infinity`: never. */
  lastEnd(): number
}

/**
 * A process that stood still has heard nobody meanwhile: what ran out in that time may only have been unable to say
 * that it lives.
 */
export function createStandstills(clock: Clock, timeOfDay: () => number): Standstills {
  let expectedAt = Number.POSITIVE_INFINITY
  // Goes on while the machine sleeps, which other clocks need not.
  let expectedTimeOfDay = Number.POSITIVE_INFINITY
  let endedAt = Number.NEGATIVE_INFINITY
  let cancelTimer = () => {}

  // Also asked by whoever's own timer fires before the tick that is late as well.
  function look(): void {
    if (Math.max(clock.now() - expectedAt, timeOfDay() - expectedTimeOfDay) <= LATE_MS) return
    endedAt = clock.now()
    expectNext()
  }

  function expectNext(): void {
    expectedAt = clock.now() + TICK_MS
    expectedTimeOfDay = timeOfDay() + TICK_MS
  }

  function tick(): void {
    look()
    expectNext()
    cancelTimer = clock.after(TICK_MS, tick)
  }

  return {
    start: tick,
    stop() {
      cancelTimer()
      expectedAt = Number.POSITIVE_INFINITY
      expectedTimeOfDay = Number.POSITIVE_INFINITY
    },
    lastEnd() {
      look()
      return endedAt
    },
  }
}
