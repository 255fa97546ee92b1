import { once } from 'node:events'
import type { Clock } from '@taskyard/core'
import type { FastifyReply } from 'fastify'

/** Pings in a row for which a client may have no room. */
const STALLED_PINGS = 3
/** So long may a client take to read the end of its stream, and of one that the server's own end cuts short. */
const FLUSH_MS = 60_000
const LAST_FLUSH_MS = 2000
/** More than this waits for no client: what is sent without waiting for room ends the stream. */
const MOST_UNREAD_BYTES = 256 * 1024

/** A server-sent event stream (WHATWG HTML, "Server-sent events"). */
export interface EventStream {
  /** Aborts when the client goes away or has stopped reading, or when the server closes. */
  readonly signal: AbortSignal
  /**
   * Sends one event; resolves when the client has room for the next. `data` is one JSON value. A client that does not
   * read, and for which too much is sent without waiting, is cut off.
   */
  send(event: string, data: string, id?: number): Promise<void>
  end(): void
}

/** Turns a reply into an event stream. A comment line every `pingMs` keeps it alive and finds dead clients. */
export function openEventStream(reply: FastifyReply, signal: AbortSignal, clock: Clock, pingMs: number): EventStream {
  const { raw } = reply.hijack()
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  raw.flushHeaders()
  // Whatever goes wrong with a stream closes it, and `signal` says so.
  raw.on('error', () => undefined)
  const stopPings = ping()
  const endWithin = (flushMs: number) => {
    stopPings()
    if (raw.destroyed) return
    const giveUp = clock.after(flushMs, () => raw.destroy())
    raw.once('close', giveUp)
    if (!raw.writableEnded) raw.end()
  }
  const cutShort = () => endWithin(LAST_FLUSH_MS)
  if (signal.aborted) cutShort()
  else signal.addEventListener('abort', cutShort, { once: true })

  return {
    signal,
    end: () => endWithin(FLUSH_MS),
    async send(event, data, id) {
      if (raw.writableEnded || raw.destroyed) return
      // A line break inside JSON text can only be white space between tokens.
      const line = data.replaceAll(/[\r\n]+/g, ' ')
      const hasRoom = raw.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${line}\n\n`)
      if (raw.writableLength > MOST_UNREAD_BYTES + line.length) raw.destroy()
      else if (!hasRoom) await once(raw, 'drain', { signal }).catch(() => undefined)
    },
  }

  function ping(): () => void {
    let stalled = 0
    let cancel = clock.after(pingMs, beat)
    function beat() {
      stalled = raw.writableNeedDrain ? stalled + 1 : 0
      if (stalled > STALLED_PINGS) raw.destroy()
      else raw.write(': ping\n\n')
      cancel = clock.after(pingMs, beat)
    }
    return () => cancel()
  }
}
