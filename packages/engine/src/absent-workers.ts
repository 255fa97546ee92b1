import type { Held } from './held-leases.ts'

/** Which start of its worker's program was connected last, and what it held when its connection broke; `null`: the store did not say. */
export interface Left {
  readonly startId: string
  readonly held: Promise<Held | null>
}

/** A worker without a session: its grace runs, or is over and its leases are to end. */
type Absent =
  | { readonly kind: 'awaited'; readonly left: Left | null; callOff(): void }
  | { readonly kind: 'over'; readonly left: Left | null }

/** The states of workers without a session, and nothing of time or of the store. */
export interface AbsentWorkers {
  has(workerId: string): boolean
  isAwaited(workerId: string): boolean
  leftOf(workerId: string): Left | null
  /** Its grace begins, anew if it had one. `callOff` is called when this grace ends otherwise. Without `left`, what it left is as before. */
  awaitReturn(workerId: string, callOff: () => void, left?: Left): void
  /** Its grace is over, whether it had one or not. */
  endGrace(workerId: string): void
  /** The worker is back, or its leases have ended. */
  remove(workerId: string): void
  /** Those whose grace is over now. */
  over(): Over
  /** Calls all graces off. */
  callOffAll(): void
}

/** Workers whose grace was over at one time. */
export interface Over {
  readonly isEmpty: boolean
  /** Those of whom nothing has been heard since: neither are they back, nor have they another grace. */
  still(): readonly string[]
}

export function createAbsentWorkers(): AbsentWorkers {
  const absent = new Map<string, Absent>()

  function callOff(workerId: string): void {
    const worker = absent.get(workerId)
    if (worker?.kind === 'awaited') worker.callOff()
  }

  function leftOf(workerId: string): Left | null {
    return absent.get(workerId)?.left ?? null
  }

  return {
    has: (workerId) => absent.has(workerId),
    isAwaited: (workerId) => absent.get(workerId)?.kind === 'awaited',
    leftOf,
    awaitReturn(workerId, callOffThis, left) {
      callOff(workerId)
      absent.set(workerId, { kind: 'awaited', left: left ?? leftOf(workerId), callOff: callOffThis })
    },
    endGrace(workerId) {
      callOff(workerId)
      absent.set(workerId, { kind: 'over', left: leftOf(workerId) })
    },
    remove(workerId) {
      callOff(workerId)
      absent.delete(workerId)
    },
    over() {
      const then = new Map([...absent].filter(([, { kind }]) => kind === 'over'))
      return {
        isEmpty: then.size === 0,
        // Each change makes another object.
        still: () => [...then.keys()].filter((workerId) => absent.get(workerId) === then.get(workerId)),
      }
    },
    callOffAll() {
      for (const workerId of absent.keys()) callOff(workerId)
    },
  }
}
