import type { EngineObserver } from './observer.ts'

/** What goes wrong in the background, and when it is over. */
export interface Troubles {
  failed(service: string, error: unknown): void
  /** Costs nothing while all is well. */
  worked(service: string): void
}

export function createTroubles(observer: EngineObserver): Troubles {
  const inTrouble = new Set<string>()
  return {
    failed(service, error) {
      inTrouble.add(service)
      observer.backgroundError?.(service, error)
    },
    worked(service) {
      if (inTrouble.delete(service)) observer.backgroundRecovered?.(service)
    },
  }
}
