import { systemClock } from '@taskyard/core/runtime'

/** Whoever has waited so long for a turn goes on without one. Milliseconds. */
const PATIENCE_MS = 250

/** Lets one work at a time, in the order of asking. */
export interface Turns {
  /** Whether a turn would have to be waited for. */
  isTaken(): boolean
  take<Result>(work: () => Promise<Result>): Promise<Result>
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  let asking = 0
  return {
    isTaken: () => asking > 0,
    async take(work) {
      asking += 1
      const before = last
      const done = Promise.withResolvers<void>()
      last = done.promise
      try {
        await soonerOf(before)
        return await work()
      } finally {
        asking -= 1
        done.resolve()
      }
    },
  }
}

function soonerOf(work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(PATIENCE_MS, resolve)
    void work.then(() => {
      cancel()
      resolve()
    })
  })
}
