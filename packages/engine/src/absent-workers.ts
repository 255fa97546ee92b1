import type { Held } from './held-leases.ts'

/** Which start of its worker's program was connected last, and what it held when its connection broke; `null`: the store did not say. */
export interface Left {
  readonly startId: string
  readonly held: Promise<Held | null>
}

/** The time in which a worker may come back, ms by the clock of spans. */
export interface Grace {
  readonly since: number
  readonly until: number
  /** How many graces before it this process stood still in. */
  readonly excused: number
}

/** A worker without a session: its grace runs, or is over and its leases are to end. */
type Absent =
  | { readonly kind: 'awaited'; readonly left: Left | null; readonly grace: Grace }
  | { readonly kind: 'over'; readonly left: Left | null }

/** The states of workers without a session, and nothing of time or of the store. */
export interface AbsentWorkers {
  has(workerId: string): boolean
  isAwaited(workerId: string): boolean
  leftOf(workerId: string): Left | null
  /** Its grace begins, instead of another if it had one. Without `left`, what it left is as before. */
  awaitReturn(workerId: string, grace: Grace, left?: Left): void
  /** The graces that are to end by this time. */
  due(time: number): readonly (readonly [workerId: string, grace: Grace])[]
  /** When the next grace is to end; `Infinity`: nobody has one. */
  nextEnd(): number
  /** Its grace is over, whether it had one or not. */
  endGrace(workerId: string): void
  /** The worker is back, or its leases have ended. */
  remove(workerId: string): void
  /** Those whose grace is over now. */
  over(): Over
}

/** Workers whose grace was over at one time. */
export interface Over {
  readonly isEmpty: boolean
  /** Those of whom nothing has been heard since: neither are they back, nor have they another grace. */
  still(): readonly string[]
}

export function createAbsentWorkers(): AbsentWorkers {
  const absent = new Map<string, Absent>()

  function* graces(): Iterable<readonly [string, Grace]> {
    for (const [workerId, worker] of absent) if (worker.kind === 'awaited') yield [workerId, worker.grace]
  }

  function leftOf(workerId: string): Left | null {
    return absent.get(workerId)?.left ?? null
  }

  return {
    has: (workerId) => absent.has(workerId),
    isAwaited: (workerId) => absent.get(workerId)?.kind === 'awaited',
    leftOf,
    awaitReturn(workerId, grace, left) {
      absent.set(workerId, { kind: 'awaited', left: left ?? leftOf(workerId), grace })
    },
    due: (time) => [...graces()].filter(([, { until }]) => until <= time),
    nextEnd() {
      let next = Number.POSITIVE_INFINITY
      for (const [, { until }] of graces()) next = Math.min(next, until)
      return next
    },
    endGrace(workerId) {
      absent.set(workerId, { kind: 'over', left: leftOf(workerId) })
    },
    remove: (workerId) => void absent.delete(workerId),
    over() {
      const then = new Map([...absent].filter(([, { kind }]) => kind === 'over'))
      return {
        isEmpty: then.size === 0,
        // Each change makes another object.
        still: () => [...then.keys()].filter((workerId) => absent.get(workerId) === then.get(workerId)),
      }
    },
  }
}
