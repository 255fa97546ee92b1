import type { Violation } from '@taskyard/core'
import type { HttpRequestPayload } from './outgoing.ts'
import { methodOf } from './outgoing.ts'

/** Headers of one connection (RFC 9110 §7.6.1), and those that frame or route the message. */
const REFUSED_HEADERS =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|expect|http2-settings)$/i

/** What is wrong with a payload that fits the schema. */
export function checkHttpRequest(payload: unknown): readonly Violation[] {
  const request = payload as HttpRequestPayload
  return [...credentialsInUrl(request), ...refusedHeaders(request), ...bodyWithoutPlace(request)]
}

function credentialsInUrl({ url }: HttpRequestPayload): readonly Violation[] {
  const { username, password } = new URL(url)
  if (username === '' && password === '') return []
  return [{ path: '/url', message: 'must not hold a user or password; send an Authorization header' }]
}

function refusedHeaders({ headers = {} }: HttpRequestPayload): readonly Violation[] {
  return Object.keys(headers)
    .filter((name) => REFUSED_HEADERS.test(name))
    .map((name) => ({ path: `/headers/${name}`, message: 'belongs to the connection and cannot be set' }))
}

function bodyWithoutPlace(request: HttpRequestPayload): readonly Violation[] {
  const method = methodOf(request)
  const hasPlace = method !== 'GET' && method !== 'HEAD'
  if (hasPlace || request.body === undefined || request.body === null) return []
  return [{ path: '/body', message: `cannot be sent with ${method}` }]
}
