import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Call {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** The whole request has been handed to the kernel. */
  onSent?(): void
}

export const keepAlive = () => new Agent({ keepAlive: true, maxSockets: 64 })

/** One request, one try. Rejects when the connection breaks before the whole answer is there. */
export function call(agent: Agent, { method, url, body, headers, timeoutMs = 20_000, onSent }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? undefined : { 'content-length': String(Buffer.byteLength(body)) }
    const outgoing = request(url, { method, agent, headers: { ...headers, ...length } }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', reject)
      incoming.once('close', () => {
        if (!incoming.complete) reject(new Error('the answer was cut short'))
        else resolve({ status: incoming.statusCode as number, body: Buffer.concat(chunks).toString() })
      })
    })
    outgoing.once('error', reject)
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    if (onSent !== undefined) outgoing.once('finish', onSent)
    outgoing.end(body)
  })
}
