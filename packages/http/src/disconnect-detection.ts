import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** They waited for others on their connection, and were started while that was not read. */
const startedUnread = new WeakSet<IncomingMessage>()

/** To be called before a request is served whose connection is not read: a client that goes away is not noticed. */
export function noteStartedWhileUnread(request: IncomingMessage): void {
  startedUnread.add(request)
}

/** Why a request's signals abort. One for all: making one costs more than the rest of an abort. */
export const REQUEST_OVER = new Error('the request is over')

/** Node, too, stops to read: while answers are not read, or a body has to wait. */
export function isReading(socket: Socket): boolean {
  return socket.readableFlowing !== false
}

/**
 * Whether it would be noticed that the client has gone away. It is not on a connection that is not read, because too much is
 * pipelined on it.
 */
export function wouldNoticeDisconnect({ raw }: FastifyRequest): boolean {
  return !startedUnread.has(raw) && isReading(raw.socket)
}

/** Aborts with `ended`, the end of the answer at the latest, or when the connection of the request is not read any more. */
export function whileDisconnectNoticed({ raw }: FastifyRequest, ended: AbortSignal): AbortSignal {
  if (ended.aborted) return ended
  const { socket } = raw
  const controller = new AbortController()
  const abort = () => {
    socket.off('pause', abort)
    controller.abort(REQUEST_OVER)
  }
  socket.once('pause', abort)
  ended.addEventListener('abort', abort, { once: true })
  return controller.signal
}
