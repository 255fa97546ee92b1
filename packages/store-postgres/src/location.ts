import { TaskyardError } from '@taskyard/core'

/** Where a store is, as its URL says. */
export interface PostgresLocation {
  /** For the driver: the URL without what is ours. */
  readonly connectionString: string
  readonly schema: string
  /** Connections of this process to the server, at most. */
  readonly connections: number
  /** Where to LISTEN when the URL leads to a pooler in transaction mode; `null`: the same place. */
  readonly listenString: string | null
  /** The URL without its password, for people. */
  readonly shown: string
}

const DEFAULT_CONNECTIONS = 8
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/

/**
 * Reads `postgres://user:password@host:port/database?schema=…&connections=…&listen=host:port`. Other parameters, such as
 * `sslmode`, are the driver's.
 * @throws TaskyardError invalid_configuration
 */
export function readPostgresUrl(text: string): PostgresLocation {
  if (!URL.canParse(text)) throw wrong('the store URL is not a URL')
  const url = new URL(text)
  const take = (name: string) => {
    const value = url.searchParams.get(name)
    url.searchParams.delete(name)
    return value
  }
  const schema = take('schema') ?? 'taskyard'
  if (!SCHEMA.test(schema)) throw wrong(`schema is "${schema}"; expected lower-case letters, digits and _`)
  const connections = Number(take('connections') ?? DEFAULT_CONNECTIONS)
  if (!Number.isInteger(connections) || connections < 2 || connections > 1000) {
    throw wrong('connections is not a whole number from 2 to 1000')
  }
  const listen = take('listen')
  return {
    connectionString: url.href,
    schema,
    connections,
    listenString: listen === null ? null : withHost(url, listen),
    shown: withoutPassword(url),
  }
}

function withHost(url: URL, host: string): string {
  const direct = new URL(url)
  direct.host = host
  if (!/^[^/@?#]+$/.test(host)) throw wrong(`listen is "${host}"; expected host:port`)
  return direct.href
}

function withoutPassword(url: URL): string {
  const shown = new URL(url)
  if (shown.password !== '') shown.password = '***'
  return shown.href
}

function wrong(reason: string): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `TASKYARD_STORE: ${reason}` })
}
