import { type Dispatcher, request } from 'undici'
import { type ExpectedStatus, isExpected } from './expected-status.ts'
import type { OutgoingRequest } from './outgoing.ts'
import { readBody, type StoredBody } from './response-body.ts'

export interface Exchange extends StoredBody {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly isExpected: boolean
  /** The answer shows that the host is in trouble: a 5xx that was not expected. */
  readonly isOutage: boolean
}

/** Sends one request and reads the answer, redirects included as they are. */
export async function exchange(
  dispatcher: Dispatcher,
  outgoing: OutgoingRequest,
  options: { readonly expected: ExpectedStatus; readonly maxResponseBytes: number; readonly signal: AbortSignal },
): Promise<Exchange> {
  const { method, url, headers, body } = outgoing
  // The signal bounds the whole exchange; the library's own timers would only cut it short.
  const response = await request(url, {
    dispatcher,
    method,
    headers,
    body,
    signal: options.signal,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const expected = isExpected(response.statusCode, options.expected)
  return {
    status: response.statusCode,
    headers: definedHeaders(response.headers),
    isExpected: expected,
    isOutage: response.statusCode >= 500 && !expected,
    ...(await readBody(response.body, options.maxResponseBytes)),
  }
}

function definedHeaders(headers: Readonly<Record<string, string | string[] | undefined>>) {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
