import { TaskyardError } from '@taskyard/core'
import pg from 'pg'

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
/** What libpq reads of a URL; some of it the driver ignores. */
const DRIVERS = new Set(
  `application_name channel_binding client_encoding connect_timeout fallback_application_name gssencmode
   idle_in_transaction_session_timeout keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
   lock_timeout options passfile query_timeout require_auth ssl ssl_max_protocol_version ssl_min_protocol_version
   sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni
   statement_timeout target_session_attrs tcp_user_timeout uselibpqcompat`.split(/\s+/),
)
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/
/** The driver takes those in the middle for the last one, and says so on stderr. */
const SSL_MODES = ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/**
 * Reads `postgres://user:password@host:port/database?schema=…&connections=…&listen=host:port`. Other parameters, such as
 * `sslmode`, are the driver's; one that nobody knows is refused, because it may be one of ours with a typing error.
 * @throws TaskyardError invalid_configuration
 */
export function readPostgresUrl(text: string): PostgresLocation {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw wrong('it is not a URL such as postgres://user:password@host:5432/database')
  }
  const take = (name: string) => {
    const value = url.searchParams.get(name)
    url.searchParams.delete(name)
    return value
  }
  const schema = take('schema') ?? 'taskyard'
  if (!SCHEMA.test(schema)) throw wrong(`schema is "${schema}"; expected lower-case letters, digits and _`)
  if (schema.startsWith('pg_')) throw wrong(`schema is "${schema}"; names that begin with pg_ are the server's own`)
  const connections = Number(take('connections') ?? DEFAULT_CONNECTIONS)
  if (!Number.isInteger(connections) || connections < 1 || connections > 1000) {
    throw wrong('connections is not a whole number from 1 to 1000')
  }
  const listen = take('listen')
  if (url.searchParams.has('host') || url.searchParams.has('port')) {
    throw wrong(
      'host and port stand before the database; for a socket: postgres://user@%2Fvar%2Frun%2Fpostgresql/database',
    )
  }
  setSslMode(url)
  const unknown = [...url.searchParams.keys()].find((name) => !DRIVERS.has(name))
  if (unknown !== undefined) {
    throw wrong(`the parameter "${unknown}" is unknown; ours are schema, connections and listen, others the driver's`)
  }
  assertReadable(url.href)
  return {
    connectionString: url.href,
    schema,
    connections,
    listenString: listen === null ? null : withHost(url, listen),
    shown: withoutPassword(url),
  }
}

/** @throws TaskyardError invalid_configuration */
function setSslMode({ searchParams }: URL): void {
  const mode = searchParams.get('sslmode')
  if (mode === null) return
  if (!(SSL_MODES as readonly string[]).includes(mode)) {
    throw wrong(`sslmode is "${mode}"; expected ${SSL_MODES.join(', ')}`)
  }
  const isFull = mode !== 'disable' && mode !== 'no-verify' && searchParams.get('uselibpqcompat') !== 'true'
  if (isFull) searchParams.set('sslmode', 'verify-full')
}

/**
 * Has the driver read the URL, which reads files that it names.
 * @throws TaskyardError invalid_configuration
 */
function assertReadable(connectionString: string): void {
  try {
    new pg.Client({ connectionString })
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

function withHost(url: URL, host: string): string {
  const direct = new URL(url)
  const parts = /^([^/@?#:]+|\[[0-9a-fA-F:]+\])(?::(\d+))?$/.exec(host)
  if (parts === null) throw wrong(`listen is "${host}"; expected host:port`)
  direct.hostname = parts[1] as string
  direct.port = parts[2] ?? ''
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
