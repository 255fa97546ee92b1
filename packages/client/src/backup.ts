import { FailedCall, openStream } from './http-call.ts'
import { NAMESPACE_HEADER } from './server-address.ts'
import type { TransportParams } from './transport.ts'

const CONTENT_TYPE = 'application/vnd.sqlite3'

/**
 * Asks for a copy of the whole store; making it may take long before the first byte comes. The stream fails when the answer
 * breaks off: what came until then is no backup.
 * @throws TaskyardError
 */
export async function openBackup({ address, closed }: TransportParams): Promise<ReadableStream<Uint8Array>> {
  // It is asked for in the name of no namespace: it holds those of all.
  const { [NAMESPACE_HEADER]: _, ...ofAll } = address.headers
  const headers = { accept: `${CONTENT_TYPE}, application/problem+json` }
  const timeoutMs = Number.POSITIVE_INFINITY
  try {
    const call = { method: 'POST', path: '/api/v1/backup', headers, timeoutMs, signal: closed } as const
    return await openStream({ ...address, headers: ofAll }, call, CONTENT_TYPE)
  } catch (error) {
    throw error instanceof FailedCall ? error.error : error
  }
}
