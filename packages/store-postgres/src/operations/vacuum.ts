import type { Database } from '../database.ts'

/** Their rows live for moments, so that what is dead must go within seconds: autovacuum looks once a minute. */
const HOT_TABLES = ['ready', 'leases', 'scheduled', 'counter_changes'] as const
/** A table that takes less on disk is left alone. */
const WORTH_IT_BYTES = 8 * 1024 * 1024
const EVERY_MS = 5_000
/** Vacuuming takes this share of the time at most, also while a held snapshot keeps it from removing anything. */
const SHARE = 0.05

export interface Vacuum {
  /** Removes the dead rows of tables that have grown; quick when there is nothing to do. */
  hotTables(): Promise<void>
}

/** @param nowMs a monotonic clock, ms */
export function createVacuum({ run, inSchema }: Database, nowMs: () => number): Vacuum {
  let nextAt = 0
  return {
    async hotTables() {
      if (nowMs() < nextAt) return
      const startedAt = nowMs()
      const names = HOT_TABLES.map((table) => inSchema(`@${table}`))
      const grown = await run<[string]>(
        `SELECT n.name FROM unnest($1::text[]) AS n (name) JOIN pg_class c ON c.oid = n.name::regclass
         WHERE pg_relation_size(c.oid) >= $2 AND pg_stat_get_dead_tuples(c.oid) > 10000`,
        [names, WORTH_IT_BYTES],
      )
      for (const [name] of grown) await run(`VACUUM (TRUNCATE false, SKIP_LOCKED) ${name}`)
      nextAt = nowMs() + Math.max(EVERY_MS, (nowMs() - startedAt) / SHARE)
    },
  }
}
