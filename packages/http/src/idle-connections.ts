import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '@taskyard/core'

const CHECK_MS = 50
/** What has not arrived whole so long after the begin of the close is not waited for. */
const ARRIVAL_MS = 2000

/**
 * Closing a server waits for its connections. The returned function closes, until the last is gone, those that have
 * answered what they were busy with, those that were opened ahead of need and never asked for anything, and after a moment
 * those whose request does not arrive: Node's own close looks only once, takes an unused connection for one whose request
 * is on its way, and waits for that one as long as it takes.
 */
export function idleConnectionsCloser(server: Server, clock: Clock): () => void {
  const requestsOf = trackRequests(server)
  return () => {
    if (!server.listening) return
    const lateAt = clock.now() + ARRIVAL_MS
    let cancel = clock.after(0, check)
    server.once('close', () => cancel())
    function check() {
      server.closeIdleConnections()
      const isLate = clock.now() >= lateAt
      for (const [socket, requests] of requestsOf) {
        const isBusy = [...requests].some(({ complete }) => complete)
        if (socket.bytesRead === 0 || (isLate && !isBusy)) socket.destroy()
      }
      cancel = clock.after(CHECK_MS, check)
    }
  }
}

/** The open connections, each with its requests that are not answered yet. */
function trackRequests(server: Server): ReadonlyMap<Socket, ReadonlySet<IncomingMessage>> {
  const connections = new Map<Socket, Set<IncomingMessage>>()
  server.on('connection', (socket: Socket) => {
    connections.set(socket, new Set())
    socket.once('close', () => connections.delete(socket))
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    connections.get(request.socket)?.add(request)
    response.on('close', forget)
  })
  // One function for all: one for each request would come to lie among V8's old objects, and keep its request alive.
  function forget(this: ServerResponse): void {
    connections.get(this.req.socket)?.delete(this.req)
  }
  return connections
}
