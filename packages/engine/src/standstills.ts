import type { Clock } from '@taskyard/core'
import { LOOPS, type Loops } from './loops.ts'

const TICK_MS = LOOPS.standstills.intervalMs
/** A timer this late means that the process was stopped, suspended, or too busy to answer anybody. */
const LATE_MS = 1000

export interface Standstills {
  start(): void
  stop(): Promise<void>
  /** When this process last noticed that it had stood still, ms, by the monotonic clock; `-Infinity`: never. */
  lastEnd(): number
}

/**
 * A process that stood still has heard nobody meanwhile: what ran out in that time may only have been unable to say
 * that it lives.
 */
export function createStandstills(clock: Clock, timeOfDay: () => number, loops: Loops): Standstills {
  let expectedAt = Number.POSITIVE_INFINITY
  // Goes on while the machine sleeps, which other clocks need not.
  let expectedTimeOfDay = Number.POSITIVE_INFINITY
  let endedAt = Number.NEGATIVE_INFINITY

  const loop = loops.create('standstills', async () => {
    look()
    expectNext()
    return {}
  })

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

  return {
    start() {
      expectNext()
      loop.start(TICK_MS)
    },
    stop() {
      expectedAt = Number.POSITIVE_INFINITY
      expectedTimeOfDay = Number.POSITIVE_INFINITY
      return loop.stop()
    },
    lastEnd() {
      look()
      return endedAt
    },
  }
}
