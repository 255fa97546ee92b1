import type { Clock } from '@taskyard/core'
import type { Incidents } from './incidents.ts'
import { createLoop, type Loop, type LoopTiming, type Round } from './loop.ts'
import type { LoopReport } from './loop-report.ts'

/** Every loop of the engine, and when it does its rounds. */
export const LOOPS = {
  /** The store's housekeeping: due tasks, expired leases, retention. The interval bounds how late an expired lease is noticed. */
  sweeper: { intervalMs: 1000, retryMs: [500, 500], essential: true },
  /** Says in the store that this process lives. */
  presence: every(1000),
  /** Looks for workers of dead processes. */
  'dead-workers': every(2000),
  /** Ends the leases of workers whose session broke and who did not come back. */
  'session-graces': whenDue(1000),
  /** Looks whether workers without a session live all the same. */
  'signs-of-life': whenDue(1000),
  /** Looks for tasks for claims that wait, should a wake-up have been lost. */
  dispatcher: every(1000),
  /** Looks at the tasks that somebody waits for or watches, while there are any. */
  'followed-tasks': every(1000),
  /** Samples what the queues' throughput is told from. */
  throughput: every(5000),
  /** Notices that this process stood still. */
  standstills: every(500),
} as const satisfies Readonly<Record<string, LoopTiming>>

export type LoopName = keyof typeof LOOPS

/** The loops of one engine. */
export interface Loops {
  /** Makes a loop of the table; it does nothing until it is started, or woken. */
  create(name: LoopName, run: () => Promise<Round>): Loop
  /** Of each that was made, in the order of the table. */
  reports(): readonly LoopReport[]
}

interface LoopsParams {
  /** Monotonic. */
  readonly clock: Clock
  readonly timeOfDay: () => number
  readonly incidents: Incidents
}

/** All loops share the clocks, and report to the same incidents. */
export function createLoops(params: LoopsParams): Loops {
  const loops = new Map<LoopName, Loop>()
  return {
    create(name, run) {
      const loop = createLoop({ ...params, ...LOOPS[name], name, run })
      loops.set(name, loop)
      return loop
    },
    reports: () =>
      Object.keys(LOOPS).flatMap((name) => {
        const loop = loops.get(name as LoopName)
        return loop === undefined ? [] : [loop.report()]
      }),
  }
}

function every(intervalMs: number) {
  return { intervalMs, retryMs: [intervalMs, intervalMs], essential: false } as const
}

function whenDue(retryMs: number) {
  return { intervalMs: null, retryMs: [retryMs, retryMs], essential: false } as const
}
