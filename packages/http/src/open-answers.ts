import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The open connections of a server, each with the answers that it may still owe, in the order of their requests. */
export type OpenAnswers = ReadonlyMap<Socket, readonly ServerResponse[]>

/** To be called before the server listens: connections that are open already are not seen. */
export function trackAnswers(server: Server): OpenAnswers {
  const connections = new Map<Socket, ServerResponse[]>()
  server.on('connection', (socket: Socket) => {
    connections.set(socket, [])
    socket.once('close', () => connections.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    const answers = connections.get(socket)
    if (answers === undefined) return
    // They are sent in the order of the requests. A listener for each would cost more than all the rest here.
    if (answers.length === 1 && answers[0]?.writableFinished) answers.length = 0
    else while (answers[0]?.writableFinished) answers.shift()
    answers.push(answer)
  })
  return connections
}
