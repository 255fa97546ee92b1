import type { OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openPostgresStore, type PostgresStoreOptions } from '@taskyard/store-postgres'
import { sharedServer } from '@taskyard/test-servers'
import pg from 'pg'

let schemas = 0

export interface OwnSchema {
  /** The server's, without a schema. */
  readonly server: string
  /** The store's. */
  readonly url: string
  readonly schema: string
  /** A store that closes with the schema: up to date, on the server's own time. */
  open(options?: Partial<PostgresStoreOptions>): Promise<OpenedStore>
  /** Statements of somebody else. */
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>
  destroy(): Promise<void>
}

/** A schema of the test's own, on the server of the test run or on the one given. */
export async function ownSchema(server?: string): Promise<OwnSchema> {
  const base = server ?? (await sharedServer('postgres')).url
  const schema = `own_${process.pid}_${++schemas}`
  const url = withParameter(base, 'schema', schema)
  const client = new pg.Client(base)
  client.on('error', () => {})
  await client.connect()
  const stores: OpenedStore[] = []
  return {
    server: base,
    url,
    schema,
    async open(options = {}) {
      const opened = await openPostgresStore({ url, clock: systemClock, ...options })
      stores.push(opened)
      await opened.lifecycle.migrate()
      return opened
    },
    query: (text, values = []) => client.query(text, [...values]),
    async destroy() {
      for (const store of stores) await store.lifecycle.close()
      await client.query(`SET client_min_messages = error; DROP SCHEMA IF EXISTS "${schema}" CASCADE`).catch(() => {})
      await client.end()
    },
  }
}

export function withParameter(url: string, name: string, value: string): string {
  const changed = new URL(url)
  changed.searchParams.set(name, value)
  return changed.href
}
