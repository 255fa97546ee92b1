import { type Agent, type IncomingMessage, request } from 'node:http'
import { LIMITS } from '@taskyard/core'
import type { FuzzRequest } from './requests.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

/** After so long without a whole answer there is none. */
const TIMEOUT_MS = 30_000
export const NO_ANSWER = 'no answer in time'

/** Sends a request as it is, with nothing tidied up; of an event stream only its beginning is read. */
export function send(url: string, { method, target, headers, body }: FuzzRequest, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'content-length': String(body.length) }
    const sent = request(
      url + target,
      { method, path: target, agent, headers: { ...length, ...headers } },
      (response) => {
        read(response).then(resolve, reject)
      },
    )
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error(NO_ANSWER)))
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (isCutOff(error, body)) resolve({ status: 413, contentType: '', text: '' })
      else reject(error)
    })
    sent.end(body ?? undefined)
  })
}

/** A body over the limit is refused before it is read: its sender may meet the end of the connection first (RFC 9110 §10.1.1). */
function isCutOff({ code }: NodeJS.ErrnoException, body: Buffer | null): boolean {
  return (code === 'EPIPE' || code === 'ECONNRESET') && (body?.length ?? 0) > LIMITS.bodyBytes
}

async function read(response: IncomingMessage): Promise<Answer> {
  const contentType = response.headers['content-type'] ?? ''
  const chunks: Buffer[] = []
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    if (contentType.startsWith('text/event-stream')) break
  }
  return { status: response.statusCode ?? 0, contentType, text: Buffer.concat(chunks).toString('utf8') }
}
