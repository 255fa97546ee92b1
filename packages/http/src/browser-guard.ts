import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { shortened } from './error-handler.ts'
import type { HostNames } from './options.ts'

const READING = new Set(['GET', 'HEAD', 'OPTIONS'])
/** It only reads by its method: while it is open, the server vouches for a worker. */
const SESSION = '/api/v1/workers/:workerId/session'

/**
 * A browser sends requests for whatever page is open in it, also to addresses that the page's owner cannot reach. Pages
 * of other origins are kept from changing anything (Fetch Metadata; `Origin`, RFC 6454 §7), and no page may come under a
 * name of its own that it points at this machine (DNS rebinding). Programs, which send none of these headers, are not
 * affected.
 */
export function guardAgainstPages(server: FastifyInstance, hosts: HostNames): void {
  const isOurHost = rememberingLast((host: string) => isOurs(nameIn(host), hosts))
  server.addHook('onRequest', (request, _reply, done) => {
    const refusal = refusalOf(request, hosts, isOurHost)
    if (refusal === null) done()
    else done(refusal)
  })
}

function refusalOf(
  request: FastifyRequest,
  hosts: HostNames,
  isOurHost: (host: string) => boolean,
): TaskyardError | null {
  const { host } = request.headers
  if (hosts.loopbackOnly && host !== undefined && !isOurHost(host)) {
    return new TaskyardError('unknown_host', { host: shortened(host) })
  }
  if (READING.has(request.method) && !isSession(request)) return null
  return isFromElsewhere(request, hosts) ? new TaskyardError('cross_origin') : null
}

/** By the route that answers it, however the address is spelled. */
function isSession({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url?.endsWith(SESSION) === true
}

/** Most requests name the host that the one before named. */
function rememberingLast(judge: (text: string) => boolean): (text: string) => boolean {
  let last: string | null = null
  let judgement = false
  return (text) => {
    if (text !== last) {
      judgement = judge(text)
      last = text
    }
    return judgement
  }
}

// The browser's own word comes first: a proxy between may have changed Host, and pages cannot change this one.
function isFromElsewhere({ headers }: FastifyRequest, { others }: HostNames): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const { origin, host = '' } = headers
  if (origin === undefined) return false
  if (!URL.canParse(origin)) return true
  const { host: originHost, hostname } = new URL(origin)
  return originHost !== host.toLowerCase() && !others.includes(hostname)
}

function isOurs(name: string, { others }: HostNames): boolean {
  return isLoopbackName(name) || others.includes(name)
}

/** Without the port and the dot of the root; names are the same in every case (RFC 9110 §4.2.3). */
function nameIn(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

// Names under `localhost` are never asked of a name server (RFC 6761 §6.3).
function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}
