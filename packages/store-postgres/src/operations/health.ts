import { type StoreHealth, unhealthy } from '@taskyard/core'
import type { Database } from '../database.ts'
import { toStoreError } from '../postgres-errors.ts'

/** Commits a write that changes nothing, so that a server that cannot is noticed. */
export async function health({ run, schema }: Database, nowMs: () => number): Promise<StoreHealth> {
  const from = nowMs()
  try {
    await run('UPDATE @id_skew SET max_ms = max_ms')
    const [row] = await run<[string]>(
      `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident($1))`,
      [schema],
    )
    return { healthy: true, latencyMs: nowMs() - from, reason: null, sizeBytes: Number(row?.[0] ?? 0) }
  } catch (error) {
    return unhealthy(toStoreError(error), nowMs() - from)
  }
}
