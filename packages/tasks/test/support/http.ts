import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** Lets tasks call the servers of a test. */
export const LOOPBACK = { allowPrivateAddresses: ['127.0.0.0/8'] }

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface HttpStub {
  readonly origin: string
  readonly port: number
  readonly requests: readonly ReceivedRequest[]
}

/** An HTTP server on loopback that remembers its requests. */
export async function startHttp(
  t: { after(close: () => Promise<void>): void },
  answer: (request: ReceivedRequest, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<HttpStub> {
  const requests: ReceivedRequest[] = []
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const request = { method, path: url, headers, body: await text(incoming) }
    requests.push(request)
    answer(request, response)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://${host}:${port}`, port, requests }
}
