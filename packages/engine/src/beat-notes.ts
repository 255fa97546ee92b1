import type { BeatParams, Claimers, Clock } from '@taskyard/core'

/** Who still asks, is said again after so long. */
const AGAIN_MS = 10_000

/** What a beat says of claimers. */
export interface BeatNotes {
  /** Nothing, when it is as it was and was said lately. `kept` says that the store has it. */
  next(): { readonly params: Pick<BeatParams, 'claimers'>; kept(): void }
}

/** Nothing has been said yet. */
export function createBeatNotes(clock: Clock, claimers: () => readonly Claimers[]): BeatNotes {
  let saidAt = Number.NEGATIVE_INFINITY
  let said = shapeOf([])
  return {
    next() {
      const [now, current] = [clock.now(), claimers()]
      const shape = shapeOf(current)
      if (shape === said && (current.length === 0 || now - saidAt < AGAIN_MS)) return { params: {}, kept() {} }
      return {
        params: { claimers: current },
        kept() {
          saidAt = now
          said = shape
        },
      }
    },
  }
}

/** But for the times, and in whatever order they come. */
function shapeOf(claimers: readonly Claimers[]): string {
  const shapes = claimers.map(({ workers, ...scope }) => {
    const ofWorkers = workers.map(({ seenAgoMs: _, ...worker }) => JSON.stringify(worker))
    return JSON.stringify([scope, ofWorkers.sort()])
  })
  return shapes.sort().join()
}
