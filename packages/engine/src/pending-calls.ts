import type { Clock } from '@taskyard/core'

/** Stopping waits so long for calls that the store does not answer; the store's own time-outs are shorter. */
const STOP_PATIENCE_MS = 15_000

/** What is being done with the store, to be awaited before it closes. */
export interface PendingCalls {
  track<Result>(promise: Promise<Result>): Promise<Result>
  /** Resolves when nothing is under way, or after a time. */
  ended(): Promise<void>
}

/** Nothing is pending yet. */
export function createPendingCalls(clock: Clock): PendingCalls {
  const all = new Set<Promise<unknown>>()
  return {
    track(promise) {
      const ended = promise.catch(() => {}).finally(() => all.delete(ended))
      all.add(ended)
      return promise
    },
    async ended() {
      if (all.size === 0) return
      let cancelPatience = () => {}
      const patience = new Promise<'over'>((resolve) => {
        cancelPatience = clock.after(STOP_PATIENCE_MS, () => resolve('over'))
      })
      while (all.size > 0) if ((await Promise.race([Promise.all(all), patience])) === 'over') break
      cancelPatience()
    },
  }
}
