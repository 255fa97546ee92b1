import type { LeasedTaskDocument } from '@taskyard/core'
import type { ExpectedStatus } from './expected-status.ts'
import type { METHODS } from './schema.ts'

export type Method = (typeof METHODS)[number]

export interface HttpRequestPayload {
  readonly url: string
  readonly method?: Method
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly expectedStatus?: ExpectedStatus
  readonly timeoutSeconds?: number
  readonly followRedirects?: boolean
  readonly maxResponseBytes?: number
}

/** One request as it goes out. Header names are in lower case. */
export interface OutgoingRequest {
  readonly method: Method
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** The method of the payload; by default POST with a body, and GET without. */
export function methodOf({ method, body }: HttpRequestPayload): Method {
  return method ?? (body === undefined || body === null ? 'GET' : 'POST')
}

/** The first request of a task. `Idempotency-Key` is the task's id: a receiver can tell a repeated attempt from a new task. */
export function toOutgoing({ id, payload }: LeasedTaskDocument<HttpRequestPayload>): OutgoingRequest {
  const body = bodyText(payload.body)
  const contentType = typeof payload.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
  return {
    method: methodOf(payload),
    url: new URL(payload.url),
    headers: {
      'user-agent': 'taskyard',
      'idempotency-key': id,
      ...(body === null ? {} : { 'content-type': contentType }),
      ...lowerCaseNames(payload.headers ?? {}),
    },
    body,
  }
}

function bodyText(body: unknown): string | null {
  if (body === undefined || body === null) return null
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
