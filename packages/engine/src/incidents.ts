import type { EngineObserver } from './observer.ts'

/** What goes wrong in the background, and when it is over. */
export interface Incidents {
  failed(service: string, error: unknown): void
  /** Costs nothing while all is well. */
  worked(service: string): void
}

/** Tells the observer of every failure, and once of the success that ends a row of them. */
export function createIncidents(observer: EngineObserver): Incidents {
  const failing = new Set<string>()
  return {
    failed(service, error) {
      failing.add(service)
      observer.backgroundError?.(service, error)
    },
    worked(service) {
      if (failing.delete(service)) observer.backgroundRecovered?.(service)
    },
  }
}
