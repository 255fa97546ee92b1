import type { Duplex } from 'node:stream'
import { systemClock } from '@taskyard/core/runtime'
import pg from 'pg'
import type { PostgresLocation } from './location.ts'
import { isDuplicate, isRace, isReadOnly, toConnectError, toStoreError } from './postgres-errors.ts'
import { CALL_TIMEOUT_MS, LIMIT_SESSION, LIMIT_TRANSACTION } from './time-limits.ts'

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
  /**
   * Like `run`, one after the other with all that stand in this line, each sent without waiting for those before: the server
   * goes from one to the next without a pause.
   */
  readonly runInLine: Run
  /** Statements in one round trip, all or nothing. Runs again after a lost race. */
  together(statements: readonly Statement[]): Promise<Text[][][]>
  /** All or nothing. Statements given without waiting for each other share a round trip. Runs again after a lost race. */
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>
  /** The text with its schema filled in, for connections of others. */
  inSchema(text: string): string
  readonly schema: string
  close(): Promise<void>
}

export const CONNECT_TIMEOUT_MS = 5_000
const RACES_RUN_AGAIN = 5
/** Statistics of tables that fill and empty within seconds are never right: rows are looked up by key, whatever they say. */
export const BY_INDEX = `SELECT set_config(name, 'off', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin,jit}'::text[]) AS s (name)`

const BEGIN: Statement = { text: 'BEGIN', values: [] }
const COMMIT: Statement = { text: 'COMMIT', values: [] }
/** Every column as the server wrote it. */
export const AS_TEXT = { getTypeParser: () => (text: unknown) => text }

/** A connection of the pool in use. */
interface Borrowed {
  readonly client: pg.PoolClient
  /** Not to be used again. */
  broken: boolean
  end(): void
}

export function openDatabase(location: PostgresLocation, connections = location.connections): Database {
  const { schema } = location
  const inSchema = schemaFiller(schema)
  const nameOf = statementNamer()
  /** Connections that lead to one session of the server, which keeps what is prepared: a pooler's may not. */
  const direct = new WeakMap<pg.PoolClient, boolean>()
  const pool = new pg.Pool({
    ...connectionOptions(location.connectionString),
    query_timeout: undefined,
    max: connections,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: false,
  })
  // A connection that breaks while nobody uses it is replaced by the next call.
  pool.on('error', () => {})
  // Between two uses a connection may have no listener for a moment, and an error that nobody hears ends the process.
  pool.on('connect', (client) => client.on('error', () => {}))

  const query = (client: pg.PoolClient, text: string, values: readonly Value[] = []): Promise<Text[][]> => {
    const name = direct.get(client) === true ? nameOf(text) : null
    const config = {
      ...(name && { name }),
      text: inSchema(text),
      values: values as unknown[],
      rowMode: 'array',
      types: AS_TEXT,
    }
    return send(client, config as pg.QueryArrayConfig)
  }

  async function borrow(): Promise<Borrowed> {
    let client: pg.PoolClient
    try {
      client = await pool.connect()
    } catch (error) {
      throw toConnectError(error)
    }
    const onError = () => {
      borrowed.broken = true
    }
    const end = () => {
      client.off('error', onError)
      client.release(borrowed.broken)
    }
    const borrowed: Borrowed = { client, broken: false, end }
    client.on('error', onError)
    return borrowed
  }

  async function use<Result>(borrowed: Borrowed, work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const { client } = borrowed
    try {
      if (!direct.has(client)) direct.set(client, await greet(client))
      return await work(client)
    } catch (error) {
      // Whatever is not the server's own word leaves the connection in an unknown state. One to a server that cannot be
      // written is given up, too: after a fail-over the address may lead to another.
      borrowed.broken ||= !(error instanceof pg.DatabaseError) || isReadOnly(error)
      throw error
    }
  }

  async function withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const borrowed = await borrow()
    try {
      return await use(borrowed, work)
    } finally {
      borrowed.end()
    }
  }

  /** The connection of those that stand in line, while there are any. */
  let line: { readonly borrowed: Promise<Borrowed>; length: number } | null = null

  async function inLine<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    line ??= { borrowed: borrow(), length: 0 }
    const mine = line
    mine.length += 1
    try {
      return await use(await mine.borrowed, work)
    } catch (error) {
      // The next one begins a new line: this connection may be broken.
      if (line === mine) line = null
      throw error
    } finally {
      mine.length -= 1
      if (mine.length === 0) {
        if (line === mine) line = null
        mine.borrowed.then(
          ({ end }) => end(),
          () => {},
        )
      }
    }
  }

  async function transactionOnce<Result>(work: (run: Run) => Promise<Result>): Promise<Result> {
    return withClient(async (client) => {
      const limits = direct.get(client) === true ? [] : [LIMIT_TRANSACTION]
      const begun = Promise.all(['BEGIN', BY_INDEX, ...limits].map((text) => query(client, text)))
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

  async function togetherOnce(statements: readonly Statement[]): Promise<Text[][][]> {
    return withClient(async (client) => {
      const sent = [BEGIN, ...statements, COMMIT].map(({ text, values }) => query(client, text, values))
      // Until all are answered, so that nobody uses the connection while its transaction is open. After a failure COMMIT rolls back.
      const answers = await Promise.allSettled(sent)
      const failed = answers.find((answer) => answer.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      return Promise.all(sent.slice(1, -1))
    })
  }

  return {
    schema,
    inSchema,
    run: (async (text, values) => unlessRaced(() => withClient((client) => query(client, text, values)))) as Run,
    runInLine: (async (text, values) => unlessRaced(() => inLine((client) => query(client, text, values)))) as Run,
    together: (statements) => unlessRaced(() => togetherOnce(statements)),
    transaction: (work) => unlessRaced(() => transactionOnce(work), isDuplicate),
    close: () => pool.end(),
  }
}

/** Runs what lost a race again. `isMore` names further races of this kind of work. */
export async function unlessRaced<Result>(
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

/**
 * Sends a statement, and hangs up when no answer comes in time. Of the driver's own promises and time-outs every one leaves
 * a function behind (V8 puts those that are assigned to a property among the old objects at once) which holds all of the
 * call alive until the next full collection: at 200 tasks a second each small one had to copy 3 MB, and took 3 to 8 ms.
 */
export function send(
  client: pg.ClientBase,
  config: pg.QueryArrayConfig,
  longestMs = CALL_TIMEOUT_MS,
): Promise<Text[][]> {
  return new Promise((resolve, reject) => {
    const cancelTimeout = systemClock.after(longestMs, () => {
      reject(new Error(`no answer within ${longestMs} ms`))
      hangUp(client)
    })
    const onAnswer = (error: Error | null, result: pg.QueryArrayResult) => {
      cancelTimeout()
      if (error) reject(error)
      else resolve(result.rows as Text[][])
    }
    client.query(config, onAnswer)
  })
}

/** Ends a connection whose statements are never answered: its `end` waits for them. */
export function hangUp(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: Duplex } }
  connection.stream.destroy()
}

/**
 * Finds out whether a connection is direct: a pooler makes the process numbers up that it tells its clients. A session of our
 * own is limited at once; what a pooler leads to is others' too, so there each transaction has to be.
 */
async function greet(client: pg.PoolClient): Promise<boolean> {
  const { processID } = client as { processID?: number }
  const [[row]] = await Promise.all([
    send(client, { text: 'SELECT pg_backend_pid()', rowMode: 'array' }),
    send(client, { text: `${LIMIT_SESSION} AND pg_backend_pid() = ${processID ?? null}`, rowMode: 'array' }),
  ])
  return Number(row?.[0]) === processID
}

const CALL = /^SELECT [^@]* FROM @\w+\([^@]*\)$/

/**
 * Gives names under which calls of our functions are prepared: they take longer to read than to plan, and are planned
 * alike for all values. Other statements have none.
 */
function statementNamer(): (text: string) => string | null {
  const known = new Map<string, string>()
  return (text) => {
    let name = known.get(text) ?? null
    if (name === null && CALL.test(text)) {
      name = `taskyard_${known.size}`
      known.set(text, name)
    }
    return name
  }
}

/** More texts than there are operations: some name slots of time, which come and go. */
const FILLED_KEPT = 1000

function schemaFiller(schema: string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    let filled = known.get(text)
    if (filled === undefined) {
      filled = fillSchema(text, schema)
      if (known.size === FILLED_KEPT) known.clear()
      known.set(text, filled)
    }
    return filled
  }
}

/** `@` before a name stands for the schema. */
export function fillSchema(text: string, schema: string): string {
  return text.replace(/@(?=[a-z_])/g, `"${schema}".`)
}
