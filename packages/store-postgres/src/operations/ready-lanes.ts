import type { Maintenance } from '../maintenance.ts'

const EVERY_MS = 5_000
/** Renewing takes this share of the time at most. */
const SHARE = 0.05
/** So many notes are looked at in one go. Where there are fewer in all, claims may look at each. */
const AT_ONCE = 1000

const RENEW = 'SELECT last, seen FROM @renew_stale_ready_lanes($1, $2)'

export interface ReadyLanes {
  /** Looks at some notes of where lanes begin, other ones each time, and renews those that lead claims astray; `false`: not yet. */
  renew(): Promise<boolean>
}

/** @param nowMs a monotonic clock, ms */
export function createReadyLanes(
  { transaction }: Pick<Maintenance, 'transaction'>,
  nowMs: () => number,
  atOnce = AT_ONCE,
): ReadyLanes {
  let nextAt = 0
  let after = -1
  return {
    async renew() {
      if (nowMs() < nextAt) return false
      const startedAt = nowMs()
      try {
        const [row] = await transaction((run) => run<[last: string | null, seen: string]>(RENEW, [after, atOnce]))
        after = Number(row?.[1]) < atOnce ? -1 : Number(row?.[0])
        return true
      } finally {
        nextAt = nowMs() + Math.max(EVERY_MS, (nowMs() - startedAt) / SHARE)
      }
    },
  }
}
