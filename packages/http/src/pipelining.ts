import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isReading, noteStartedWhileUnread } from './disconnect-detection.ts'

/** So many requests of a connection are under way, each from its start until its answer has been sent. */
const MOST_UNDER_WAY = 8
/** With so many waiting behind them nothing more is read from the connection. What has been read by then waits too. */
const MOST_WAITING = 64

/**
 * Serves the requests that a client pipelines on one connection a few at a time, in their order: Node starts all that it
 * has read at once, and keeps the answers until the client reads them.
 */
export function boundPipelining(serve: RequestListener): RequestListener {
  const connections = new WeakMap<Socket, PipelinedConnection>()
  return (request, answer) => {
    // An answer has the socket at once, unless one before it has not been sent.
    if (answer.socket !== null) return serve(request, answer)
    const { socket } = request
    let connection = connections.get(socket)
    if (connection === undefined) {
      connection = new PipelinedConnection(socket, serve)
      connections.set(socket, connection)
    }
    connection.enter(request, answer)
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly answer: ServerResponse & { req: IncomingMessage }
}

class PipelinedConnection {
  readonly #socket: Socket
  readonly #serve: RequestListener
  readonly #waiting: Exchange[] = []
  #underWay = 0
  /** Nothing is read until none waits any more. */
  #isHeld = false

  constructor(socket: Socket, serve: RequestListener) {
    this.#socket = socket
    this.#serve = serve
  }

  enter(request: IncomingMessage, answer: Exchange['answer']): void {
    // The first of a line met no other, and so is counted only now. When its answer has been sent, this one has the socket.
    if (this.#underWay === 0) {
      this.#underWay++
      answer.once('socket', () => process.nextTick(this.#leave))
    }
    answer.once('close', this.#leave)
    if (this.#underWay < MOST_UNDER_WAY) return this.#start({ request, answer })
    this.#waiting.push({ request, answer })
    if (this.#waiting.length === MOST_WAITING) this.#hold()
  }

  #start({ request, answer }: Exchange): void {
    this.#underWay++
    this.#serve(request, answer)
  }

  readonly #leave = (): void => {
    this.#underWay--
    // Whoever is gone, or was told that the connection closes, gets no answer any more.
    if (!this.#socket.writable) this.#waiting.length = 0
    const next = this.#waiting.shift()
    if (next === undefined) return
    if (this.#isHeld || !isReading(this.#socket)) noteStartedWhileUnread(next.request)
    if (this.#waiting.length === 0) this.#release()
    this.#start(next)
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
