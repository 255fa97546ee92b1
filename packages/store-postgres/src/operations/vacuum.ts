import type { Run } from '../database.ts'
import type { Maintenance } from '../maintenance.ts'

/** Their rows live for moments, so that what is dead must go within seconds: autovacuum looks once a minute. */
const HOT_TABLES = ['ready', 'leases', 'scheduled', 'counter_changes', 'claim_requests', 'ready_lanes'] as const
/** A table that takes less on disk is left alone. */
const WORTH_IT_BYTES = 8 * 1024 * 1024
const EVERY_MS = 5_000
/** Vacuuming takes this share of the time at most, also while a held snapshot keeps it from removing anything. */
const SHARE = 0.05

export interface Vacuum {
  /** Removes the dead rows of tables that have grown; `false` when it is not yet time to look. */
  hotTables(): Promise<boolean>
}

/** @param nowMs a monotonic clock, ms */
export function createVacuum({ run }: Pick<Maintenance, 'run'>, nowMs: () => number): Vacuum {
  let nextAt = 0
  return {
    async hotTables() {
      if (nowMs() < nextAt) return false
      const startedAt = nowMs()
      try {
        for (const name of await grownTables(run)) await run(`VACUUM (TRUNCATE false, SKIP_LOCKED) ${name}`)
        return true
      } finally {
        nextAt = nowMs() + Math.max(EVERY_MS, (nowMs() - startedAt) / SHARE)
      }
    },
  }
}

async function grownTables(run: Run): Promise<readonly string[]> {
  const rows = await run<[string]>(
    `SELECT n.name FROM (VALUES ${HOT_TABLES.map((table) => `('@${table}')`).join(', ')}) AS n (name)
       JOIN pg_class c ON c.oid = n.name::regclass
     WHERE pg_relation_size(c.oid) >= $1 AND pg_stat_get_dead_tuples(c.oid) > 10000`,
    [WORTH_IT_BYTES],
  )
  return rows.map(([name]) => name)
}
