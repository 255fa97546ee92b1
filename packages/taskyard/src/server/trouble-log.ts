import { type Clock, unsettable } from '@taskyard/core'

/** Where troubles are told, a line when one begins and a line when it ends. */
export interface TroubleLines {
  began(what: string, error: unknown): void
  ended(what: string, seconds: number): void
}

export interface TroubleLog {
  /** A service of the engine failed, perhaps again. */
  failed(service: string, error: unknown): void
  /** It works again. */
  recovered(service: string): void
  /** A worker in this process met trouble, which it works around; nobody says when that is over. */
  metByWorker(during: string, error: unknown): void
}

/** Trouble that goes on, or is not known to be over, is told again after so long. */
const AGAIN_MS = 60_000
const STORE = 'store'

interface Trouble {
  readonly since: number
  readonly services: Set<string>
  toldAt: number
}

/**
 * Keeps an outage from filling the log: services try again every second or so, and each time they fail. Everybody
 * fails when the store is away, so that is one trouble for all of them.
 */
export function createTroubleLog(lines: TroubleLines, clock: Clock): TroubleLog {
  const { now } = unsettable(clock)
  const troubles = new Map<string, Trouble>()

  function meet(what: string, error: unknown): Trouble {
    const time = now()
    const known = troubles.get(what)
    const trouble = known ?? { since: time, services: new Set(), toldAt: time }
    if (known === undefined || time - known.toldAt >= AGAIN_MS) {
      trouble.toldAt = time
      lines.began(what, error)
    }
    troubles.set(what, trouble)
    return trouble
  }

  return {
    failed(service, error) {
      meet(isStoreAway(error) ? STORE : service, error).services.add(service)
    },
    recovered(service) {
      for (const [what, { since, services }] of troubles) {
        if (!services.has(service)) continue
        troubles.delete(what)
        lines.ended(what, Math.round(now() - since) / 1000)
      }
    },
    metByWorker(during, error) {
      // The engine notices too, and says when it is over.
      if (isStoreAway(error)) return
      meet(`worker: ${during}`, error)
    },
  }
}

// An error that came from another thread is no instance of its class any more.
function isStoreAway(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'store_unavailable'
}
