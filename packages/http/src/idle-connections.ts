import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '@taskyard/core'

const CHECK_MS = 50

/**
 * Closing a server waits for its connections. The returned function closes, until the last is gone, those that have
 * answered what they were busy with, and those that were opened ahead of need and never asked for anything: Node's own
 * close looks only once, and takes an unused connection for one whose request is on its way.
 */
export function idleConnectionsCloser(server: Server, clock: Clock): () => void {
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  return () => {
    if (!server.listening) return
    let cancel = clock.after(0, check)
    server.once('close', () => cancel())
    function check() {
      server.closeIdleConnections()
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
      cancel = clock.after(CHECK_MS, check)
    }
  }
}
