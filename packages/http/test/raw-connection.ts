import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A connection whose bytes the test writes and reads itself. */
export function open(context: TestContext, base: string): Socket {
  const { hostname, port } = new URL(base)
  const socket = connect(Number(port), hostname)
  // A refusal may reset the connection while there is more to write; what was answered before counts.
  socket.on('error', () => undefined)
  context.after(() => socket.destroy())
  return socket
}

/** Everything the server sends until it closes. */
export async function answer(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

/** A POST of this body, as it goes over the wire. */
export const json = (path: string, body: string, length = Buffer.byteLength(body)) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`
