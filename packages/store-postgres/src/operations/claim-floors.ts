import { numbers } from '../arrays.ts'

/** How far a lane's claims have come within one rank: everything before has been claimed, as far as is known here. */
interface ClaimFloor {
  readonly lane: number
  readonly rank: number
  readonly readyAt: number
  readonly seq: number
}

/** So many floors travel with a claim at most. */
const MOST_FLOORS = 256
/** While a look from the start is quicker than this, all are. Milliseconds. */
const CHEAP_MS = 5
/** Looks from the start may take this share of the time at most when they are not cheap. */
const SHARE = 0.1

/**
 * Where claims begin to look. The index keeps the dead rows of claimed tasks for as long as any transaction on the
 * server might see them, so a claim from the start gets slower with every claim, until a vacuum can remove them. A row
 * may also appear below a floor (committed late, or put back by another process), so that the start is looked at again:
 * whenever a claim comes back short, and now and then besides, as often as its cost allows.
 */
export interface ClaimFloors {
  /** None when it is time to look from the start. */
  start(): ClaimStart
  /** Notes a claim's outcome. */
  claimed(rows: readonly ClaimFloor[], fromStart: boolean, tookMs: number): void
  /** Whether it is time to look from the start. */
  isDue(): boolean
  /** A task was put back in this lane. */
  forget(lane: number): void
}

/** The floors of a claim, as parameters of `claim_tasks`. */
export interface ClaimStart {
  readonly values: readonly string[]
  readonly fromStart: boolean
}

export const FROM_START: ClaimStart = { values: ['{}', '{}', '{}', '{}'], fromStart: true }

/** @param nowMs a monotonic clock, ms */
export function createClaimFloors(nowMs: () => number): ClaimFloors {
  const floors = new Map<string, ClaimFloor>()
  let costMs = 0
  let lookedAt = Number.NEGATIVE_INFINITY

  const isDue = () => costMs < CHEAP_MS || nowMs() - lookedAt >= costMs / SHARE

  return {
    start() {
      if (floors.size === 0 || isDue()) return FROM_START
      const sorted = [...floors.values()].sort((one, other) => one.lane - other.lane || one.rank - other.rank)
      const column = (of: (floor: ClaimFloor) => number) => numbers(sorted.map(of))
      const values = [
        column(({ lane }) => lane),
        column(({ rank }) => rank),
        column(({ readyAt }) => readyAt),
        column(({ seq }) => seq),
      ]
      return { values, fromStart: false }
    },
    claimed(rows, fromStart, tookMs) {
      for (const row of rows) floors.set(`${row.lane} ${row.rank}`, row)
      if (floors.size > MOST_FLOORS) floors.clear()
      if (!fromStart) return
      lookedAt = nowMs()
      costMs = tookMs
    },
    isDue,
    forget(lane) {
      for (const [key, floor] of floors) if (floor.lane === lane) floors.delete(key)
    },
  }
}
