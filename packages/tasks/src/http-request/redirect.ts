import { failureOf } from '../failure.ts'
import { HTTP_FAILURES } from './failures.ts'
import { isHttpUrl } from './http-url.ts'
import type { OutgoingRequest } from './outgoing.ts'
import { requestWords } from './request-words.ts'

export const MAX_REDIRECTS = 5

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** What may go along to another origin. Anything else, `Authorization`, `Cookie` and keys of any name, was meant for the first. */
const PORTABLE_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-type',
  'idempotency-key',
  'user-agent',
])

/** Whether there is somewhere to go: 304 and other statuses of the class have nothing to follow. */
export function isRedirect(status: number, location: string | undefined): location is string {
  return REDIRECT_STATUSES.has(status) && location !== undefined
}

/**
 * The request a redirect asks for (RFC 9110 §15.4): 303, and 301 and 302 of a POST, turn into a GET without body.
 * @throws TaskFailure `redirect_refused` when it leads to another protocol, from https to http, or has a password
 */
export function redirected(request: OutgoingRequest, status: number, location: string): OutgoingRequest {
  const url = targetOf(request, location)
  const becomesGet = status === 303 ? request.method !== 'HEAD' : status < 303 && request.method === 'POST'
  return {
    method: becomesGet ? 'GET' : request.method,
    url,
    headers: headersFor(request, url, becomesGet),
    body: becomesGet ? null : request.body,
  }
}

function targetOf(request: OutgoingRequest, location: string): URL {
  const { url: from } = request
  if (!URL.canParse(location, from.href)) throw refused(request, 'an address that is not a URL')
  const url = new URL(location, from)
  if (!isHttpUrl(url.href)) throw refused(request, `the protocol ${url.protocol}`)
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refused(request, 'an unencrypted address')
  if (url.username !== '' || url.password !== '') throw refused(request, 'an address with a user or password')
  return url
}

function refused(request: OutgoingRequest, to: string) {
  const message = requestWords(request, ` redirects to ${to}, which is not followed`)
  return failureOf(HTTP_FAILURES, 'redirect_refused', message)
}

function headersFor({ url: from, headers }: OutgoingRequest, to: URL, dropsBody: boolean): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => {
    return (from.origin === to.origin || PORTABLE_HEADERS.has(name)) && !(dropsBody && name.startsWith('content-'))
  })
  return Object.fromEntries(kept)
}
