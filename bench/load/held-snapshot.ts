import pg from 'pg'

/**
 * Keeps a snapshot open in a session of its own, as a long report or a forgotten transaction does: no row that dies
 * meanwhile can be vacuumed. The returned function ends it, after making sure that it was held all the time.
 */
export async function holdSnapshot(url: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('begin isolation level repeatable read')
  const before = await snapshot(client)
  return async () => {
    try {
      const after = await snapshot(client)
      if (after !== before) throw new Error(`the snapshot was not held: ${before} became ${after}`)
    } finally {
      await client.end()
    }
  }
}

async function snapshot(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot')
  return rows[0]?.snapshot ?? 'none'
}
