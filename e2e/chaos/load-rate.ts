import { monotonicMs } from './history.ts'
import type { LoadProgress } from './load.ts'
import type { ChaosOptions } from './options.ts'
import type { Step } from './plan.ts'

export interface LoadRateParams {
  readonly plan: readonly Step[]
  readonly options: ChaosOptions
  readonly progress: LoadProgress
  /** How many tasks of the remote workers wait for their first lease. */
  waiting(): number
}

/** Tasks may wait, but not many: a task that starts again late should have no queue to blame. */
const MAX_WAITING = 50
/** Rates, in tasks a second. */
const MIN_RATE = 1
const RATE_WHEN_BEHIND = 5
const MAX_RATE = 400
const RATE_AFTER_FAULTS = 500

/**
 * Makes load and faults end together: the rate follows the time that the rest of the plan will take, by what the steps
 * so far took. Where the workers do not keep up, it follows them.
 */
export function createLoadRate({ plan, options, progress, waiting }: LoadRateParams) {
  let killed = 0
  let startedAt = monotonicMs()
  let expectedSoFarMs = 0
  let leftMs = sum(plan.map((step) => expectedMs(step, options)))
  let faultsAreOver = false

  /** How much longer steps take than expected, on this machine. */
  function slowdown(): number {
    const share = expectedSoFarMs / (expectedSoFarMs + leftMs)
    return share < 0.05 ? 1.2 : (monotonicMs() - startedAt) / expectedSoFarMs
  }

  return {
    start() {
      startedAt = monotonicMs()
      expectedSoFarMs = 0
    },
    onKill() {
      killed += 1
      if (killed % 10 === 0) options.log(`${killed} kills, ${progress.acknowledged} tasks acknowledged`)
    },
    onStep(step: Step) {
      const ms = expectedMs(step, options)
      expectedSoFarMs += ms
      leftMs -= ms
    },
    onFaultsOver() {
      faultsAreOver = true
    },
    perSecond(tasksLeft: number) {
      if (waiting() > MAX_WAITING) return RATE_WHEN_BEHIND
      if (faultsAreOver) return RATE_AFTER_FAULTS
      const leftSeconds = Math.max(1, (leftMs * slowdown()) / 1000)
      return Math.min(MAX_RATE, Math.max(MIN_RATE, tasksLeft / leftSeconds))
    },
  }
}

function expectedMs(step: Step, { quietMs, leaseSeconds }: ChaosOptions): number {
  switch (step.do) {
    case 'quiet':
      return quietMs + 500
    case 'kill-server':
      return step.afterMs + 2000
    case 'kill-worker':
      return step.afterMs + 500
    case 'kill-database':
    case 'restart-database':
      return step.afterMs + step.downMs + 1000
    case 'hang-database':
      return step.afterMs + step.forMs
    case 'hang-server':
      return step.afterMs + leaseSeconds * 1000 + 3000
    case 'hang-worker':
    case 'cut-session':
      return step.afterMs
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
