import { once } from 'node:events'
import type { Clock } from '@taskyard/core'
import type { FastifyReply } from 'fastify'

const MAX_BUFFERED_BYTES = 1_048_576

/** A server-sent event stream (WHATWG HTML, "Server-sent events"). */
export interface EventStream {
  /** Aborts when the client goes away, reads too slowly, or the server closes. */
  readonly signal: AbortSignal
  /** Sends one event; resolves when the client has room for the next. `data` is one JSON value. */
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
  const stopPings = ping()
  const end = () => {
    stopPings()
    signal.removeEventListener('abort', end)
    if (!raw.writableEnded) raw.end()
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end)

  return {
    signal,
    end,
    async send(event, data, id) {
      if (raw.writableEnded || raw.destroyed) return
      // A line break inside JSON text can only be white space between tokens.
      const line = data.replaceAll(/[\r\n]+/g, ' ')
      const hasRoom = raw.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${line}\n\n`)
      if (raw.writableLength > MAX_BUFFERED_BYTES) raw.destroy()
      else if (!hasRoom) await once(raw, 'drain', { signal }).catch(ignoreAbort)
    },
  }

  function ping(): () => void {
    let cancel = clock.after(pingMs, beat)
    function beat() {
      if (raw.writableLength > MAX_BUFFERED_BYTES) raw.destroy()
      else raw.write(': ping\n\n')
      cancel = clock.after(pingMs, beat)
    }
    return () => cancel()
  }
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error
}
