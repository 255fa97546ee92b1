import { connect } from 'node:net'

/** What the server on a loopback port first answers to `question`; `null` when it does not within a second. */
export function ask(port: number, question: string | Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 })
    const end = (answer: Buffer | null) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write(question))
    socket.once('data', end)
    for (const trouble of ['error', 'timeout', 'close']) socket.once(trouble, () => end(null))
  })
}
