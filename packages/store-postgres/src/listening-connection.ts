import { systemClock } from '@taskyard/core/runtime'
import pg from 'pg'
import { connectionOptions, hangUp, hangUpSoon, send } from './driver.ts'
import type { PostgresLocation } from './location.ts'
import { CALL_TIMEOUT_MS } from './time-limits.ts'

const RECONNECT_MS = 500

/** Of a connection over which nothing comes: it shows only when asked that it is dead. */
export interface ListeningLimits {
  /** Milliseconds. */
  readonly askEveryMs: number
  /** After so long without an answer it is given up. */
  readonly answerMs: number
}

export const LISTENING_LIMITS: ListeningLimits = { askEveryMs: 10_000, answerMs: CALL_TIMEOUT_MS }

export interface ListeningOptions {
  readonly location: PostgresLocation
  readonly channel: string
  readonly limits: ListeningLimits
  onPayload(payload: string): void
  /** It listens, for the first time or again: what was sent meanwhile is missed. A rejection ends the connection. */
  onListening(): Promise<void>
}

/** A connection that listens to a channel, and connects again whenever it breaks, until it is closed. */
export class ListeningConnection {
  readonly #options: ListeningOptions
  #client: pg.Client | null = null
  #cancelTimer = () => {}
  #closed = false

  constructor(options: ListeningOptions) {
    this.#options = options
    void this.#listen()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer()
    const client = this.#client
    if (client === null) return
    hangUpSoon([client])
    await client.end().catch(() => {})
  }

  async #listen(): Promise<void> {
    if (this.#closed) return
    const { location, channel, onPayload, onListening } = this.#options
    const client = new pg.Client(connectionOptions(location.listenString ?? location.connectionString))
    let isOver = false
    const end = () => {
      if (isOver) return
      isOver = true
      hangUp(client)
      if (this.#client === client) this.#client = null
      this.#after(RECONNECT_MS, () => void this.#listen())
    }
    client.on('error', end)
    client.on('end', end)
    client.on('notification', ({ payload }) => onPayload(payload ?? ''))
    try {
      await client.connect()
      this.#client = client
      await client.query(`LISTEN "${channel}"`)
      await onListening()
      if (this.#closed) end()
      if (!isOver) this.#askLater(client, end)
    } catch {
      end()
    }
  }

  #askLater(client: pg.Client, onDead: () => void): void {
    const { askEveryMs, answerMs } = this.#options.limits
    this.#after(askEveryMs, () => {
      send(client, { text: 'SELECT 1', rowMode: 'array' }, answerMs).then(() => {
        if (this.#client === client) this.#askLater(client, onDead)
      }, onDead)
    })
  }

  /** There is one thing at a time to wait for: the next attempt to connect, or the next question. */
  #after(delayMs: number, callback: () => void): void {
    if (this.#closed) return
    this.#cancelTimer()
    // A network is waited for in real time, whatever clock the tasks go by.
    this.#cancelTimer = systemClock.after(delayMs, callback)
  }
}
