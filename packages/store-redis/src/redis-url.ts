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
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Reads `redis://user:password@host:port/db?prefix=…&cluster=1&sentinel=…`; `rediss:` for TLS.
 * @throws TaskyardError invalid_configuration
 */
export function parseRedisUrl(text: string, prefixOption?: string): RedisAddress {
  const url = parsed(text)
  const prefix = prefixOption ?? url.searchParams.get('prefix') ?? 'taskyard'
  if (!PREFIX.test(prefix)) throw wrong('prefix: up to 64 letters, digits and ._-, a letter or digit first')
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: Number(url.port || 6379),
    username: url.username === '' ? null : decodeURIComponent(url.username),
    password: url.password === '' ? null : decodeURIComponent(url.password),
    db: database(url.pathname),
    tls: url.protocol === 'rediss:',
    prefix,
    cluster: isOn(url.searchParams.get('cluster')),
    sentinel: url.searchParams.get('sentinel'),
    shown: `${url.protocol}//${url.host}${url.pathname}`,
  }
}

function parsed(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^rediss?:$/.test(url.protocol)) throw wrong('a Redis URL is redis://host:port/0 or rediss://…')
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) throw wrong(`?${name}= is none of ${PARAMETERS.join(', ')}`)
  }
  return url
}

function database(path: string): number {
  const digits = /^\/?(\d{0,4})\/?$/.exec(path)?.[1]
  if (digits === undefined) throw wrong(`${path} is not the number of a Redis database`)
  return Number(digits)
}

function isOn(value: string | null): boolean {
  if (value === null || value === '0') return false
  if (value === '1') return true
  throw wrong('?cluster= is 0 or 1')
}

function wrong(reason: string): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `the store's URL: ${reason}` })
}
