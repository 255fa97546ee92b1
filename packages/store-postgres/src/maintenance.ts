import pg from 'pg'
import type { Run } from './database.ts'
import { AS_TEXT, connectionOptions, hangUp, hangUpSoon, send, type Text, type Value } from './driver.ts'
import { BEGIN } from './isolation.ts'
import type { PostgresLocation } from './location.ts'
import { toStoreError } from './postgres-errors.ts'
import { fillSchema } from './statement-text.ts'
import { LIMIT_IDLE } from './time-limits.ts'

/**
 * Statements of chores. They may take as long as they need, so they have connections of their own: no call waits for one
 * of these, and none is taken for a server that hangs. Nothing runs again after a lost race: a chore comes back.
 */
export interface Maintenance {
  /** One statement outside of any transaction, as VACUUM needs it. */
  readonly run: Run
  /** All or nothing. It plans as the server would, unlike the transactions of calls, which look everything up by index. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>
  /** Hangs up on what is under way. The server undoes it, or ends it, as a VACUUM. */
  close(): Promise<void>
}

/** One for slots of time, one for vacuuming. */
export const MAINTENANCE_CONNECTIONS = 2
const IDLE_MS = 10_000
/** Without an answer for so long a connection is dead, as one that a proxy keeps open to a server that is gone. */
const LONGEST_STATEMENT_MS = 6 * 3_600_000

/** Connects when a chore begins, and lets go of idle connections after 10 s. */
export function openMaintenance(
  { connectionString, schema }: PostgresLocation,
  longestStatementMs = LONGEST_STATEMENT_MS,
): Maintenance {
  const { pool, open } = createPool(connectionString)
  const busy = new Set<pg.PoolClient>()
  let closed = false

  function query(client: pg.PoolClient, text: string, values: readonly Value[] = []): Promise<Text[][]> {
    const config = { text: fillSchema(text, schema), values: [...values], rowMode: 'array', types: AS_TEXT }
    return send(client, config as pg.QueryArrayConfig, longestStatementMs)
  }

  async function withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    let isBroken = true
    let client: pg.PoolClient | null = null
    try {
      if (closed) throw new Error('it is closed')
      client = await pool.connect()
      busy.add(client)
      if (closed) throw new Error('it is closed')
      const result = await work(client)
      isBroken = false
      return result
    } catch (error) {
      // The server's own word leaves a connection usable.
      isBroken = !(error instanceof pg.DatabaseError)
      throw toStoreError(error)
    } finally {
      if (client !== null) {
        busy.delete(client)
        client.release(isBroken)
      }
    }
  }

  async function transaction<Result>(client: pg.PoolClient, work: (run: Run) => Promise<Result>): Promise<Result> {
    await Promise.all([query(client, BEGIN), query(client, LIMIT_IDLE)])
    try {
      const result = await work(((text, values) => query(client, text, values)) as Run)
      await query(client, 'COMMIT')
      return result
    } catch (error) {
      if (!closed) await query(client, 'ROLLBACK')
      throw error
    }
  }

  return {
    run: ((text, values) => withClient((client) => query(client, text, values))) as Run,
    transaction: (work) => withClient((client) => transaction(client, work)),
    async close() {
      closed = true
      for (const client of busy) hangUp(client)
      await pool.end()
      hangUpSoon(open)
    },
  }
}

function createPool(connectionString: string) {
  const pool = new pg.Pool({
    ...connectionOptions(connectionString),
    query_timeout: undefined,
    max: MAINTENANCE_CONNECTIONS,
    idleTimeoutMillis: IDLE_MS,
  })
  pool.on('error', () => {})
  const open = new Set<pg.PoolClient>()
  pool.on('connect', (client) => {
    client.on('error', () => {})
    open.add(client)
  })
  pool.on('remove', (client) => open.delete(client))
  return { pool, open }
}
