import { TaskyardError } from '@taskyard/core'

/** Where a store is and how it is reached; structured-cloneable. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username: string | null
  readonly password: string | null
  readonly db: number
  readonly tls: boolean
  /** Every key begins with it; stores of different prefixes know nothing of each other. */
  readonly prefix: string
  /** Redis Cluster; it is also noticed by itself. */
  readonly cluster: boolean
  /** The name of the primary, when host and port are those of a Sentinel. */
  readonly sentinel: string | null
  /** For people: without the password. */
  readonly shown: string
}

const PARAMETERS = ['prefix', 'cluster', 'sentinel']
const ENCODING = 'user and password are percent-encoded: write % as %25, / as %2F, ? as %3F, # as %23 and @ as %40'
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Reads `redis://user:password@host:port/db?prefix=…&cluster=1&sentinel=…`; `rediss:` for TLS.
 * @throws TaskyardError invalid_configuration
 */
export function parseRedisUrl(text: string, prefixOption?: string): RedisAddress {
  const url = parsed(text)
  const prefix = prefixOption ?? url.searchParams.get('prefix') ?? 'taskyard'
  if (!PREFIX.test(prefix)) throw wrongUrl('prefix: up to 64 letters, digits and ._-, a letter or digit first')
  const db = database(url.pathname)
  const cluster = isOn(url.searchParams.get('cluster'))
  if (cluster && db > 0) throw wrongUrl(`a Redis Cluster has no database ${db}, only 0`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(url.port || 6379),
    username: url.username === '' ? null : decoded(url.username),
    password: url.password === '' ? null : decoded(url.password),
    db,
    tls: url.protocol === 'rediss:',
    prefix,
    cluster,
    sentinel: url.searchParams.get('sentinel'),
    shown: `${url.protocol}//${url.host}${url.pathname}`,
  }
}

function parsed(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^rediss?:$/.test(url.protocol)) {
    throw wrongUrl(`a Redis URL is redis://user:password@host:port/0 or rediss://…; ${ENCODING}`)
  }
  // The rest of a password; it is not for messages.
  if (/@/.test(url.pathname + url.search)) throw wrongUrl(ENCODING)
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name))
      throw wrongUrl(`the parameter "${name}" is unknown; there are ${PARAMETERS.join(', ')}`)
  }
  return url
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrongUrl(ENCODING)
  }
}

function database(path: string): number {
  const digits = /^\/?(\d{0,4})\/?$/.exec(path)?.[1]
  if (digits === undefined) throw wrongUrl(`${path} is not the number of a Redis database`)
  return Number(digits)
}

function isOn(value: string | null): boolean {
  if (value === null || value === '0') return false
  if (value === '1') return true
  throw wrongUrl('?cluster= is 0 or 1')
}

/** An error of the catalogue for a URL that says something wrong. */
export function wrongUrl(reason: string): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `TASKYARD_STORE: ${reason}` })
}
