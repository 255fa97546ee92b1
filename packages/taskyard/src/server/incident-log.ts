import { type Clock, monotonicClock } from '@taskyard/core'

/** Where incidents are written, a line when one begins and a line when it ends. */
export interface IncidentLines {
  began(what: string, error: unknown): void
  ended(what: string, seconds: number): void
}

export interface IncidentLog {
  /** A service of the engine failed, perhaps again. */
  failed(service: string, error: unknown): void
  /** It works again. */
  recovered(service: string): void
  /** Something failed that a worker in this process works around; nobody says when that is over. */
  workerFailed(during: string, error: unknown): void
}

/** What goes on, or is not known to be over, is logged again after so long. */
const AGAIN_MS = 60_000
const STORE = 'store'

interface Incident {
  readonly since: number
  readonly services: Set<string>
  loggedAt: number
}

/**
 * Keeps an outage from filling the log: services try again every second or so, and each time they fail. Everybody
 * fails when the store is away, so that is one incident for all of them.
 */
export function createIncidentLog(lines: IncidentLines, clock: Clock): IncidentLog {
  const { now } = monotonicClock(clock)
  const incidents = new Map<string, Incident>()

  function note(what: string, error: unknown): Incident {
    const time = now()
    const known = incidents.get(what)
    const incident = known ?? { since: time, services: new Set(), loggedAt: time }
    if (known === undefined || time - known.loggedAt >= AGAIN_MS) {
      incident.loggedAt = time
      lines.began(what, error)
    }
    incidents.set(what, incident)
    return incident
  }

  return {
    failed(service, error) {
      note(isStoreAway(error) ? STORE : service, error).services.add(service)
    },
    recovered(service) {
      for (const [what, { since, services }] of incidents) {
        if (!services.has(service)) continue
        incidents.delete(what)
        lines.ended(what, Math.round(now() - since) / 1000)
      }
    },
    workerFailed(during, error) {
      // The engine notices too, and says when it is over.
      if (isStoreAway(error)) return
      note(`worker: ${during}`, error)
    },
  }
}

// An error that came from another thread is no instance of its class any more.
function isStoreAway(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'store_unavailable'
}
