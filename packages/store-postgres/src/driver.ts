import type { Duplex } from 'node:stream'
import { systemClock } from '@taskyard/core/runtime'
import type pg from 'pg'
import { CALL_TIMEOUT_MS } from './time-limits.ts'

export type Value = string | number | boolean | null | readonly string[] | readonly number[]

/** One column as the server wrote it. */
export type Text = string | null

export const CONNECT_TIMEOUT_MS = 5_000

/** Every column as the server wrote it. */
export const AS_TEXT = { getTypeParser: () => (text: unknown) => text }

/** What all connections have in common: time limits of a call, TCP keep-alive, pipelining. */
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

/** So long a server may take to end a connection of which we took leave. */
const LEAVE_MS = 1000

/** Hangs up on connections that a server which stands still does not end: each would keep the process alive. */
export function hangUpSoon(clients: Iterable<pg.ClientBase>): void {
  const left = [...clients]
  systemClock.after(LEAVE_MS, () => left.forEach(hangUp))
}

/** Ends a connection whose statements are never answered: its `end` waits for them. */
export function hangUp(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: Duplex } }
  connection.stream.destroy()
}
