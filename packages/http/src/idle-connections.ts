import type { Server, ServerResponse } from 'node:http'
import type { Clock } from '@taskyard/core'
import type { OpenAnswers } from './open-answers.ts'

const CHECK_MS = 50
/** What has not arrived whole so long after the begin of the close is not waited for. */
const ARRIVAL_MS = 2000

/**
 * Closing a server waits for its connections. The returned function closes, until the last is gone, those that have
 * answered what they were busy with, those that were opened ahead of need and never asked for anything, and after a moment
 * those whose request does not arrive: Node's own close looks only once, takes an unused connection for one whose request
 * is on its way, and waits for that one as long as it takes.
 */
export function idleConnectionsCloser(server: Server, connections: OpenAnswers, clock: Clock): () => void {
  return () => {
    if (!server.listening) return
    const lateAt = clock.now() + ARRIVAL_MS
    let cancel = clock.after(0, check)
    server.once('close', () => cancel())
    function check() {
      server.closeIdleConnections()
      const isLate = clock.now() >= lateAt
      for (const [socket, answers] of connections) {
        if (socket.bytesRead === 0 || (isLate && !isBusy(answers))) socket.destroy()
      }
      cancel = clock.after(CHECK_MS, check)
    }
  }
}

/** A request that has arrived whole is not answered. */
function isBusy(answers: readonly ServerResponse[]): boolean {
  return answers.some(({ req, writableFinished }) => req.complete && !writableFinished)
}
