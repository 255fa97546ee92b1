import pg from 'pg'
import { connectionOptions, hangUpSoon, send } from './driver.ts'
import { OWN_LEVEL, READ_COMMITTED, SET_OWN_LEVEL } from './isolation.ts'
import type { PostgresLocation } from './location.ts'
import { isReadOnly, toConnectError } from './postgres-errors.ts'
import { LIMIT_SESSION } from './time-limits.ts'

/** A connection of the pool in use. */
interface Borrowed {
  readonly client: pg.PoolClient
  /** Not to be used again. */
  broken: boolean
  end(): void
}

/** What is known of a connection that has been greeted. */
interface Session {
  /** It leads to one session of the server, which keeps what is prepared and set: a pooler's may not. */
  readonly isDirect: boolean
  /** Statements outside of transactions run there at the level of the transactions. */
  readonly isReadCommitted: boolean
}

type Work<Result> = (client: pg.PoolClient) => Promise<Result>

/** The connections of calls. */
export class ConnectionPool {
  readonly #pool: pg.Pool
  readonly #open = new Set<pg.PoolClient>()
  readonly #sessions = new WeakMap<pg.PoolClient, Session>()
  /** The connection of work that is pipelined, while there is any. */
  #pipeline: { readonly borrowed: Promise<Borrowed>; length: number } | null = null

  constructor({ connectionString }: PostgresLocation, connections: number) {
    this.#pool = new pg.Pool({
      ...connectionOptions(connectionString),
      query_timeout: undefined,
      max: connections,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: false,
    })
    // A connection that breaks while nobody uses it is replaced by the next call.
    this.#pool.on('error', () => {})
    // Between two uses a connection may have no listener for a moment, and an error that nobody hears ends the process.
    this.#pool.on('connect', (client) => {
      client.on('error', () => {})
      this.#open.add(client)
    })
    this.#pool.on('remove', (client) => this.#open.delete(client))
  }

  /** Whether a connection in use leads to one session of the server. */
  isDirect(client: pg.PoolClient): boolean {
    return this.#sessions.get(client)?.isDirect === true
  }

  /** Whether statements outside of transactions run at the level of the transactions on a connection in use. */
  isReadCommitted(client: pg.PoolClient): boolean {
    return this.#sessions.get(client)?.isReadCommitted === true
  }

  /** Work on a connection of its own. */
  async withClient<Result>(work: Work<Result>): Promise<Result> {
    const borrowed = await this.#borrow()
    try {
      return await this.#use(borrowed, work)
    } finally {
      borrowed.end()
    }
  }

  /** Work on a connection that all such work shares, and that is not waited for by what is sent behind it. */
  async pipelined<Result>(work: Work<Result>): Promise<Result> {
    this.#pipeline ??= { borrowed: this.#borrow(), length: 0 }
    const mine = this.#pipeline
    mine.length += 1
    try {
      return await this.#use(await mine.borrowed, work)
    } catch (error) {
      // The next one begins a new pipeline: this connection may be broken.
      if (this.#pipeline === mine) this.#pipeline = null
      throw error
    } finally {
      mine.length -= 1
      if (mine.length === 0) {
        if (this.#pipeline === mine) this.#pipeline = null
        mine.borrowed.then(
          ({ end }) => end(),
          () => {},
        )
      }
    }
  }

  /** Resolves when all connections are back; they are closed then, or within a second. */
  async end(): Promise<void> {
    await this.#pool.end()
    hangUpSoon(this.#open)
  }

  async #borrow(): Promise<Borrowed> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
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

  async #use<Result>(borrowed: Borrowed, work: Work<Result>): Promise<Result> {
    const { client } = borrowed
    try {
      if (!this.#sessions.has(client)) this.#sessions.set(client, await greet(client))
      return await work(client)
    } catch (error) {
      // Whatever is not the server's own word leaves the connection in an unknown state. One to a server that cannot be
      // written is given up, too: after a fail-over the address may lead to another.
      borrowed.broken ||= !(error instanceof pg.DatabaseError) || isReadOnly(error)
      throw error
    }
  }
}

/**
 * Finds out whether a connection is direct: a pooler makes the process numbers up that it tells its clients. A session of our
 * own is set up at once; what a pooler leads to is others' too, so there each transaction has to be.
 */
async function greet(client: pg.PoolClient): Promise<Session> {
  const { processID } = client as { processID?: number }
  const isOwn = `pg_backend_pid() = ${processID ?? null}`
  const [[row]] = await Promise.all([
    send(client, { text: `SELECT pg_backend_pid(), ${OWN_LEVEL}`, rowMode: 'array' }),
    send(client, { text: `${LIMIT_SESSION} AND ${isOwn}`, rowMode: 'array' }),
    send(client, { text: `${SET_OWN_LEVEL} WHERE ${isOwn}`, rowMode: 'array' }),
  ])
  const isDirect = Number(row?.[0]) === processID
  return { isDirect, isReadCommitted: isDirect || row?.[1] === READ_COMMITTED }
}
