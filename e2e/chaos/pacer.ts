import { monotonicMs } from './history.ts'
import type { LoadProgress } from './load.ts'
import type { ChaosOptions } from './options.ts'
import type { Step } from './plan.ts'

export interface PacerParams {
  readonly plan: readonly Step[]
  readonly options: ChaosOptions
  readonly progress: LoadProgress
  /** How many tasks of the remote workers wait for their first lease. */
  waiting(): number
}

/** Tasks may wait, but not many: a task that starts again late should have no queue to blame. */
const MOST_WAITING = 50
/** Tasks a second. */
const LEAST = 1
const HELD_BACK = 5
const MOST = 400
const IN_A_HURRY = 500

/**
 * Makes load and faults end together: the rate follows the time that the rest of the plan will take, by what the steps
 * so far took. Where the workers do not keep up, it follows them.
 */
export function createPacer({ plan, options, progress, waiting }: PacerParams) {
  let killed = 0
  let startedAt = monotonicMs()
  let expectedSoFarMs = 0
  let leftMs = sum(plan.map((step) => expectedMs(step, options)))
  let hurry = false

  /** How much longer steps take than expected, on this machine. */
  function stretch(): number {
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
      if (killed % 10 === 0) options.tell(`${killed} kills, ${progress.acknowledged} tasks acknowledged`)
    },
    onStep(step: Step) {
      const ms = expectedMs(step, options)
      expectedSoFarMs += ms
      leftMs -= ms
    },
    hurry() {
      hurry = true
    },
    rate(tasksLeft: number) {
      if (waiting() > MOST_WAITING) return HELD_BACK
      if (hurry) return IN_A_HURRY
      const leftSeconds = Math.max(1, (leftMs * stretch()) / 1000)
      return Math.min(MOST, Math.max(LEAST, tasksLeft / leftSeconds))
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
