import type pg from 'pg'
import { ConnectionPool } from './connection-pool.ts'
import { AS_TEXT, send, type Text, type Value } from './driver.ts'
import { BEGIN } from './isolation.ts'
import type { PostgresLocation } from './location.ts'
import { isDuplicate, isRace, toStoreError } from './postgres-errors.ts'
import { schemaFiller, statementNamer } from './statement-text.ts'
import { LIMIT_TRANSACTION } from './time-limits.ts'

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
  /**
   * Like `run`, on a connection that all such statements share, each sent without waiting for those before: the server goes
   * from one to the next without a pause.
   */
  readonly runPipelined: Run
  /**
   * Statements in one round trip, all or nothing. Runs again after a lost race.
   * @param onAnswer called when the server has done a statement that others follow
   */
  runAsTransaction(statements: readonly Statement[], onAnswer?: () => void): Promise<Text[][][]>
  /** All or nothing. Statements given without waiting for each other share a round trip. Runs again after a lost race. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>
  /** The text with its schema filled in, for connections of others. */
  inSchema(text: string): string
  readonly schema: string
  close(): Promise<void>
}

const RACES_RUN_AGAIN = 5
/** Statistics of tables that fill and empty within seconds are never right: rows are looked up by key, whatever they say. */
export const BY_INDEX = `SELECT set_config(name, 'off', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,jit}'::text[]) AS s (name)`

const TO_BEGIN: Statement = { text: BEGIN, values: [] }
const COMMIT: Statement = { text: 'COMMIT', values: [] }

/** Connects with the first statement, not here; at most `connections` at a time. */
export function openDatabase(location: PostgresLocation, connections = location.connections): Database {
  const pool = new ConnectionPool(location, connections)
  const inSchema = schemaFiller(location.schema)
  const query = createQuery(pool, inSchema)
  const single: Query = async (client, text, values = []) => {
    if (pool.isReadCommitted(client)) return query(client, text, values)
    const [rows] = await sendTogether(client, query, [{ text, values }])
    return rows as Text[][]
  }
  return {
    schema: location.schema,
    inSchema,
    run: (async (text, values) =>
      retryLostRaces(() => pool.withClient((client) => single(client, text, values)))) as Run,
    runPipelined: (async (text, values) =>
      retryLostRaces(() => pool.pipelined((client) => single(client, text, values)))) as Run,
    runAsTransaction: (statements, onAnswer) =>
      retryLostRaces(() => pool.withClient((client) => sendTogether(client, query, statements, onAnswer))),
    transaction: (work) => retryLostRaces(() => transaction(pool, query, work), isDuplicate),
    close: () => pool.end(),
  }
}

type Query = (client: pg.PoolClient, text: string, values?: readonly Value[]) => Promise<Text[][]>

/** Sends statements, those that come often under the name by which the connection has prepared them. */
function createQuery(pool: ConnectionPool, inSchema: (text: string) => string): Query {
  const nameOf = statementNamer()
  return (client, text, values = []) => {
    const name = pool.isDirect(client) ? nameOf(text) : null
    const config = {
      ...(name && { name }),
      text: inSchema(text),
      values: values as unknown[],
      rowMode: 'array',
      types: AS_TEXT,
    }
    return send(client, config as pg.QueryArrayConfig)
  }
}

async function transaction<Result>(
  pool: ConnectionPool,
  query: Query,
  work: (run: Run) => Promise<Result>,
): Promise<Result> {
  return pool.withClient(async (client) => {
    const limits = pool.isDirect(client) ? [] : [LIMIT_TRANSACTION]
    const begun = Promise.all([BEGIN, BY_INDEX, ...limits].map((text) => query(client, text)))
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

/** A transaction in one round trip. */
async function sendTogether(
  client: pg.PoolClient,
  query: Query,
  statements: readonly Statement[],
  onAnswer: () => void = () => {},
): Promise<Text[][][]> {
  const sent = [TO_BEGIN, ...statements, COMMIT].map(({ text, values }) => query(client, text, values))
  for (const answer of sent.slice(1, -2)) answer.then(onAnswer, () => {})
  // Until all are answered, so that nobody uses the connection while its transaction is open. After a failure COMMIT rolls back.
  const answers = await Promise.allSettled(sent)
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return Promise.all(sent.slice(1, -1))
}

/** Runs what lost a race again. `isMore` names further races of this kind of work. */
export async function retryLostRaces<Result>(
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
