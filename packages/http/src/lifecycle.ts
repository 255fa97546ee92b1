import { type Clock, TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { REQUEST_OVER } from './disconnect-detection.ts'
import { idleConnectionsCloser } from './idle-connections.ts'
import type { OpenAnswers } from './open-answers.ts'

/** Whether the server is on its way out (it drains, or closes), and the end of everything that waits or streams. */
export interface Lifecycle {
  readonly closing: boolean
  /** Aborts when the server starts to drain or to close. */
  readonly signal: AbortSignal
  /** @throws TaskyardError `shutting_down` once the server has started to drain or to close */
  refuseWhenClosing(): void
  /** Aborts when the client goes away or the server is on its way out, whichever comes first. */
  untilDisconnect(reply: FastifyReply): AbortSignal
}

/** @param draining aborts when the process stops: requests are still answered, new work is refused */
export function createLifecycle(
  server: FastifyInstance,
  connections: OpenAnswers,
  clock: Clock,
  draining?: AbortSignal,
): Lifecycle {
  const controller = new AbortController()
  const closeIdleConnections = idleConnectionsCloser(server.server, connections, clock)
  controller.signal.addEventListener('abort', () => {
    // The next request had better go to another server.
    server.server.prependListener('request', (_request, answer) => answer.setHeader('connection', 'close'))
  })
  if (draining?.aborted) controller.abort()
  draining?.addEventListener('abort', () => controller.abort(), { once: true })
  server.addHook('preClose', async () => {
    // Waiting calls and streams may not hold up the close, which waits for open requests.
    controller.abort()
    closeIdleConnections()
  })
  return {
    get closing() {
      return controller.signal.aborted
    },
    signal: controller.signal,
    refuseWhenClosing() {
      if (controller.signal.aborted) throw new TaskyardError('shutting_down')
    },
    untilDisconnect: (reply) => untilDisconnect(reply, controller.signal),
  }
}

function untilDisconnect(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = () => {
    closing.removeEventListener('abort', abort)
    controller.abort(REQUEST_OVER)
  }
  if (closing.aborted || reply.raw.destroyed) abort()
  else {
    closing.addEventListener('abort', abort)
    reply.raw.once('close', abort)
  }
  return controller.signal
}
