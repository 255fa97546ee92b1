import type { WorkerKey } from '@taskyard/core'
import type { HeldLeases } from './held-leases.ts'

/** Which start of its worker's program was connected last, and what it held when its connection broke; `null`: the store did not say. */
export interface LastStart {
  readonly startId: string
  readonly held: Promise<HeldLeases | null>
}

/** The time in which a worker may come back, ms by the monotonic clock. */
export interface Grace {
  readonly since: number
  readonly until: number
  /** How many graces before it this process stood still in. */
  readonly excused: number
}

/** A worker without a session: its grace runs, or is over and its leases are to end. */
type Absent =
  | { readonly kind: 'awaited'; readonly lastStart: LastStart | null; readonly grace: Grace }
  | { readonly kind: 'over'; readonly lastStart: LastStart | null }

/** The states of workers, by their keys, without a session, and nothing of time or of the store. */
export interface AbsentWorkers {
  has(worker: WorkerKey): boolean
  isAwaited(worker: WorkerKey): boolean
  lastStartOf(worker: WorkerKey): LastStart | null
  /** Its grace begins, instead of another if it had one. Without `lastStart`, that one is as before. */
  awaitReturn(worker: WorkerKey, grace: Grace, lastStart?: LastStart): void
  /** The graces that are to end by this time. */
  due(time: number): readonly (readonly [worker: WorkerKey, grace: Grace])[]
  /** When the next grace is to end; `Infinity`: nobody has one. */
  nextEnd(): number
  /** Its grace is over, whether it had one or not. */
  endGrace(worker: WorkerKey): void
  /** The worker is back, or its leases have ended. */
  remove(worker: WorkerKey): void
  /** Those whose grace is over now. */
  endedGraces(): EndedGraces
}

/** Workers whose grace was over at one time. */
export interface EndedGraces {
  readonly isEmpty: boolean
  /** Those of whom nothing has been heard since: neither are they back, nor have they another grace. */
  unchanged(): readonly WorkerKey[]
}

/** Nobody is absent yet. */
export function createAbsentWorkers(): AbsentWorkers {
  const absent = new Map<WorkerKey, Absent>()

  function* graces(): Iterable<readonly [WorkerKey, Grace]> {
    for (const [worker, state] of absent) if (state.kind === 'awaited') yield [worker, state.grace]
  }

  function lastStartOf(worker: WorkerKey): LastStart | null {
    return absent.get(worker)?.lastStart ?? null
  }

  return {
    has: (worker) => absent.has(worker),
    isAwaited: (worker) => absent.get(worker)?.kind === 'awaited',
    lastStartOf,
    awaitReturn(worker, grace, lastStart) {
      absent.set(worker, { kind: 'awaited', lastStart: lastStart ?? lastStartOf(worker), grace })
    },
    due: (time) => [...graces()].filter(([, { until }]) => until <= time),
    nextEnd() {
      let next = Number.POSITIVE_INFINITY
      for (const [, { until }] of graces()) next = Math.min(next, until)
      return next
    },
    endGrace(worker) {
      absent.set(worker, { kind: 'over', lastStart: lastStartOf(worker) })
    },
    remove: (worker) => void absent.delete(worker),
    endedGraces() {
      const then = new Map([...absent].filter(([, { kind }]) => kind === 'over'))
      return {
        isEmpty: then.size === 0,
        // Each change makes another object.
        unchanged: () => [...then.keys()].filter((worker) => absent.get(worker) === then.get(worker)),
      }
    },
  }
}
