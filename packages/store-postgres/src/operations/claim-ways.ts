/** The functions that look for ready tasks of every queue: where lanes begin as is noted, or in all lanes. */
export type ClaimWay = 'claim_tasks_4' | 'claim_tasks_3'

/** A claim that takes longer is a reason to try the other way. Milliseconds. */
const SLOW_MS = 100
/** Between two tries of the way that took longer. Milliseconds. */
const AGAIN_MS = 10_000

/**
 * Which way claims of every queue go. Notes lead to the first tasks whatever the number of lanes. But while a transaction that stays
 * open keeps dead rows from being removed, those of notes may come to be more than there are lanes: then a claim is to take no
 * longer than a look at every lane.
 */
export interface ClaimWays {
  next(): ClaimWay
  /** Notes how long a claim of every queue took. */
  took(way: ClaimWay, ms: number): void
}

/** @param nowMs a monotonic clock, ms */
export function createClaimWays(nowMs: () => number): ClaimWays {
  const tries = {
    claim_tasks_4: { ms: 0, at: Number.NEGATIVE_INFINITY },
    claim_tasks_3: { ms: 0, at: Number.NEGATIVE_INFINITY },
  }
  return {
    next() {
      const { claim_tasks_4: notes, claim_tasks_3: lanes } = tries
      if (notes.ms <= SLOW_MS) return 'claim_tasks_4'
      if (nowMs() - lanes.at >= AGAIN_MS) return 'claim_tasks_3'
      if (nowMs() - notes.at >= AGAIN_MS) return 'claim_tasks_4'
      return notes.ms <= lanes.ms ? 'claim_tasks_4' : 'claim_tasks_3'
    },
    took(way, ms) {
      tries[way] = { ms, at: nowMs() }
    },
  }
}
