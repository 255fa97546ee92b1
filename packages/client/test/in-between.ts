import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a proxy says by itself. */
export interface OwnAnswer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An HTTP proxy before a server, that answers by itself where `own` says so: asked for each request, by its path. */
export async function startInBetween(
  t: { after(fn: () => void): void },
  target: string,
  own: (path: string) => OwnAnswer | null,
): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const path = String(incoming.url)
    const answer = own(path)
    if (answer !== null) {
      incoming.resume()
      outgoing.writeHead(answer.status, answer.headers ?? {}).end(answer.body ?? '')
      return
    }
    const { method, headers } = incoming
    const onward = request(target + path, { method: String(method), headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
