import type { BeatParams, Claimers, Clock } from '@taskyard/core'

/** Who still asks, is said again after so long. */
const AGAIN_MS = 10_000

/** What of claimers a beat has to say. */
export interface ClaimersSaid {
  /** Nothing, when it is as it was and was said lately. `noted` says that the store has it. */
  next(): { readonly params: Pick<BeatParams, 'claimers'>; noted(): void }
}

/** Nothing has been said yet. */
export function createClaimersSaid(clock: Clock, claimers: () => readonly Claimers[]): ClaimersSaid {
  let saidAt = Number.NEGATIVE_INFINITY
  let said = shapeOf([])
  return {
    next() {
      const [now, current] = [clock.now(), claimers()]
      const shape = shapeOf(current)
      if (shape === said && (current.length === 0 || now - saidAt < AGAIN_MS)) return { params: {}, noted() {} }
      return {
        params: { claimers: current },
        noted() {
          saidAt = now
          said = shape
        },
      }
    },
  }
}

/** But for the times. */
function shapeOf(claimers: readonly Claimers[]): string {
  return JSON.stringify(claimers, (name, value) => (name === 'seenAgoMs' ? undefined : value))
}
