import pg from 'pg'
import type { PostgresLocation } from './location.ts'
import { isDuplicate, isRace, isReadOnly, toStoreError } from './postgres-errors.ts'

export type Value = string | number | boolean | null | readonly string[] | readonly number[]

/** One column as the server wrote it. */
export type Text = string | null

/** One statement. `@` before a name stands for the store's schema. */
export interface Statement {
  readonly text: string
  readonly values: readonly Value[]
}

/** Runs a statement and gives its rows, every column as text. */
export type Run = <Row extends readonly Text[]>(text: string, values?: readonly Value[]) => Promise<Row[]>

export interface Database {
  /** One statement, which is a transaction of its own. */
  readonly run: Run
  /** Statements in one round trip, each a transaction of its own. */
  pipeline(statements: readonly Statement[]): Promise<PromiseSettledResult<Text[][]>[]>
  /** All or nothing. Statements given without waiting for each other share a round trip. Runs again after a lost race. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>
  /** The text with its schema filled in, for connections of others. */
  inSchema(text: string): string
  readonly schema: string
  close(): Promise<void>
}

/** A call that takes longer has met a server that hangs. Milliseconds. */
export const CALL_TIMEOUT_MS = 10_000
export const CONNECT_TIMEOUT_MS = 5_000
const RACES_RUN_AGAIN = 5
/** Statistics of tables that fill and empty within seconds are never right: rows are looked up by key, whatever they say. */
const BY_INDEX = `SELECT set_config(name, 'off', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,jit}'::text[]) AS s (name)`

const AS_TEXT = { getTypeParser: () => (text: unknown) => text }

export function openDatabase(location: PostgresLocation, connections = location.connections): Database {
  const { schema } = location
  const inSchema = schemaFiller(schema)
  const pool = new pg.Pool({
    ...connectionOptions(location.connectionString),
    max: connections,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: false,
  })
  // A connection that breaks while nobody uses it is replaced by the next call.
  pool.on('error', () => {})
  // Between two uses a connection may have no listener for a moment, and an error that nobody hears ends the process.
  pool.on('connect', (client) => client.on('error', () => {}))

  const query = async (client: pg.PoolClient, text: string, values: readonly Value[] = []): Promise<Text[][]> => {
    const config = { text: inSchema(text), values: values as unknown[], rowMode: 'array', types: AS_TEXT }
    return (await client.query(config as pg.QueryArrayConfig)).rows as Text[][]
  }

  async function withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    let client: pg.PoolClient
    try {
      client = await pool.connect()
    } catch (error) {
      throw toStoreError(error)
    }
    let broken = false
    const onError = () => {
      broken = true
    }
    client.on('error', onError)
    try {
      return await work(client)
    } catch (error) {
      // Whatever is not the server's own word leaves the connection in an unknown state. One to a server that cannot be
      // written is given up, too: after a fail-over the address may lead to another.
      broken ||= !(error instanceof pg.DatabaseError) || isReadOnly(error)
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }

  async function transactionOnce<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    return withClient(async (client) => {
      const begun = Promise.all([query(client, 'BEGIN'), query(client, BY_INDEX)])
      begun.catch(() => {})
      try {
        const result = await work(((text, values) => query(client, text, values)) as Run)
        await begun
        await query(client, 'COMMIT')
        return result
      } catch (error) {
        await query(client, 'ROLLBACK').catch(() => client.emit('error', error as Error))
        throw error
      }
    })
  }

  return {
    schema,
    inSchema,
    run: (async (text, values) => unlessRaced(() => withClient((client) => query(client, text, values)))) as Run,
    async pipeline(statements) {
      const answers: PromiseSettledResult<Text[][]>[] = []
      const all = withClient(async (client) => {
        answers.push(...(await Promise.allSettled(statements.map(({ text, values }) => query(client, text, values)))))
        const failed = answers.find((answer) => answer.status === 'rejected')
        if (failed !== undefined) throw failed.reason
      })
      await all.catch((error) => {
        if (answers.length === 0) throw error
      })
      for (const [i, answer] of answers.entries()) {
        if (answer.status !== 'rejected' || !isRace(answer.reason)) continue
        const { text, values } = statements[i] as Statement
        const again = await Promise.allSettled([unlessRaced(() => withClient((client) => query(client, text, values)))])
        answers[i] = again[0]
      }
      return answers
    },
    transaction: (work) => unlessRaced(() => transactionOnce(work), isDuplicate),
    close: () => pool.end(),
  }
}

/** Runs what lost a race again. `isMore` names further races of this kind of work. */
async function unlessRaced<Result>(
  work: () => Promise<Result>,
  isMore: (error: unknown) => boolean = () => false,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === RACES_RUN_AGAIN || !(isRace(error) || isMore(error))) throw toStoreError(error)
    }
  }
}

export function connectionOptions(connectionString: string) {
  return {
    connectionString,
    application_name: 'taskyard',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CALL_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    pipeline: true,
  }
}

function schemaFiller(schema: string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    let filled = known.get(text)
    if (filled === undefined) {
      filled = text.replace(/@(?=[a-z_])/g, `"${schema}".`)
      known.set(text, filled)
    }
    return filled
  }
}
