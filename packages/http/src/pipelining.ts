import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isRead } from './heard-requests.ts'

/** So many requests of a connection are under way, each from its start until its answer has been sent. */
const MOST_UNDER_WAY = 8
/** With so many waiting behind them nothing more is read from the connection. What has been read by then waits too. */
const MOST_WAITING = 64

/**
 * Serves the requests that a client pipelines on one connection a few at a time, in their order: Node starts all that it
 * has read at once, and keeps the answers until the client reads them.
 */
export function boundPipelining(server: FastifyInstance): void {
  server.decorateRequest('startedUnread', false)
  const connections = new WeakMap<Socket, PipelinedConnection>()
  server.addHook('onRequest', (request, reply, done) => {
    // An answer has the socket at once, unless one before it has not been sent.
    if (reply.raw.socket !== null) return done()
    const { socket } = request.raw
    let connection = connections.get(socket)
    if (connection === undefined) {
      connection = new PipelinedConnection(socket)
      connections.set(socket, connection)
    }
    // The first of a line met no other, and so is counted only now. When its answer has been sent, this one has the socket.
    if (connection.isIdle()) {
      connection.enter(request, () => {})
      reply.raw.once('socket', () => process.nextTick(connection.leave))
    }
    reply.raw.once('close', connection.leave)
    connection.enter(request, done)
  })
}

interface Waiting {
  readonly request: FastifyRequest
  start(): void
}

class PipelinedConnection {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #underWay = 0
  /** Nothing is read until none waits any more. */
  #isHeld = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  isIdle(): boolean {
    return this.#underWay === 0
  }

  enter(request: FastifyRequest, start: () => void): void {
    if (this.#underWay < MOST_UNDER_WAY) {
      this.#underWay++
      start()
    } else {
      this.#waiting.push({ request, start })
      if (this.#waiting.length === MOST_WAITING) this.#hold()
    }
  }

  readonly leave = (): void => {
    this.#underWay--
    // Whoever is gone, or was told that the connection closes, gets no answer any more.
    if (!this.#socket.writable) this.#waiting.length = 0
    const next = this.#waiting.shift()
    if (next === undefined) return
    next.request.startedUnread = this.#isHeld || !isRead(this.#socket)
    if (this.#waiting.length === 0) this.#release()
    this.#underWay++
    next.start()
  }

  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    this.#socket.pause()
    // Node reads on for reasons of its own, such as the end of another request.
    this.#socket.on('resume', this.#pauseAgain)
  }

  #release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#socket.off('resume', this.#pauseAgain)
    this.#socket.resume()
  }

  readonly #pauseAgain = (): void => void this.#socket.pause()
}
