import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What a server answers to its nth request (from 0). Without an answer the connection is cut. */
export type Answer = (n: number, seen: Seen, response: ServerResponse) => void

/** A server that does what a test tells it, for what a real one cannot be made to do. */
export async function fakeServer(t: { after(fn: () => void): void }, answer: Answer) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
    answer(seen.push(entry) - 1, entry, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

/** The answer is lost: the request has arrived, the connection breaks. */
export function cut(response: ServerResponse): void {
  response.socket?.destroy()
}
