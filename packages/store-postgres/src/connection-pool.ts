import pg from 'pg'
import { connectionOptions, hangUpSoon, send } from './driver.ts'
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

type Work<Result> = (client: pg.PoolClient) => Promise<Result>

/** The connections of calls. */
export class ConnectionPool {
  readonly #pool: pg.Pool
  readonly #open = new Set<pg.PoolClient>()
  /** Connections that lead to one session of the server, which keeps what is prepared: a pooler's may not. */
  readonly #direct = new WeakMap<pg.PoolClient, boolean>()
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
    return this.#direct.get(client) === true
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
      if (!this.#direct.has(client)) this.#direct.set(client, await greet(client))
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
