import { DEFAULT_RETENTION, DEFAULTS, EVERY_QUEUE, LIMITS } from '@taskyard/core'
import { storeUrl } from './store-location.ts'
import {
  decimal,
  flag,
  hostName,
  hostNames,
  integer,
  listOf,
  mailbox,
  namespaceName,
  namespaceNames,
  oneOf,
  privateAddresses,
  queueNames,
  ROLES,
  url,
  type ValueKind,
} from './value-kinds.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** One environment variable: everything that reading, refusing and documenting it needs. */
export interface Variable<Value> {
  readonly name: string
  /** As it would be written in the environment; `null`: unset, and so is its value. */
  readonly default: string | null
  readonly description: string
  readonly kind: ValueKind<Value>
  /** May hold a password: never shown. */
  readonly secret: boolean
}

/** The one schema of the environment. */
export const VARIABLES = {
  store: variable(
    'TASKYARD_STORE',
    storeUrl,
    'sqlite:./data/taskyard.db',
    'Where tasks live: `sqlite:PATH`, `postgres://…`, `redis://…` or `mongodb://…`.',
  ),
  host: variable(
    'TASKYARD_HOST',
    hostName,
    '127.0.0.1',
    'Address the HTTP API listens on. Of a name it is the first address alone: `localhost` may be `::1`, which the command line does not ask by default; take `127.0.0.1`.',
  ),
  port: variable('TASKYARD_PORT', integer(0, 65_535), '8080', 'Port of the HTTP API; `0` takes a free one.'),
  operationsPort: optional(
    'TASKYARD_OPERATIONS_PORT',
    integer(0, 65_535),
    'Port, on the same address, of a listener for probes and metrics alone; `0` takes a free one. Unset: the HTTP API answers them; a process without the role `api` listens on `TASKYARD_PORT` for them, or on a free port where that is taken.',
  ),
  publicHosts: optional(
    'TASKYARD_PUBLIC_HOSTS',
    hostNames,
    'Further host names, comma-separated, under which the HTTP API is reached: of a proxy in front of it, say. A server that listens on its own machine alone refuses all other names but `localhost` and loopback addresses, and every server refuses pages of other origins that want to change something.',
  ),
  roles: variable(
    'TASKYARD_ROLES',
    listOf(ROLES),
    'api,worker,scheduler',
    'What this process does: `api` serves HTTP, `worker` runs the built-in task types, `scheduler` starts delayed tasks, ends expired leases and removes old tasks. The processes on a PostgreSQL, Redis or MongoDB store may share the roles out; a SQLite store has one process, which needs `scheduler`.',
  ),
  queues: variable(
    'TASKYARD_QUEUES',
    queueNames,
    EVERY_QUEUE,
    'Queues, comma-separated, from which the embedded worker takes tasks of the built-in types; `*`: every queue, also those to come.',
  ),
  workerNamespaces: variable(
    'TASKYARD_WORKER_NAMESPACES',
    namespaceNames,
    DEFAULTS.namespace,
    'Namespaces, comma-separated, whose tasks of the built-in types the embedded worker takes. Each has a worker of its own, with a thread of its own.',
  ),
  concurrency: variable(
    'TASKYARD_CONCURRENCY',
    integer(1, LIMITS.claim),
    '100',
    'Tasks the embedded worker runs at the same time, in each of its namespaces.',
  ),
  smtpUrl: secret(
    'TASKYARD_SMTP_URL',
    url('smtp:', 'smtps:'),
    'Mail server of `email` tasks, such as `smtp://user:password@mail.example.com:587`. Unset: `email` tasks fail and say why.',
  ),
  smtpFrom: optional('TASKYARD_SMTP_FROM', mailbox, 'Sender of `email` tasks that name none.'),
  httpAllowPrivate: variable(
    'TASKYARD_HTTP_ALLOW_PRIVATE',
    privateAddresses,
    '0',
    'Private, loopback and link-local addresses that `http-request` tasks may reach: comma-separated addresses and CIDRs, or `1` for all, where every submitter is trusted.',
  ),
  logLevel: variable('TASKYARD_LOG_LEVEL', oneOf(LOG_LEVELS), 'info', `Least level logged: ${LOG_LEVELS.join(', ')}.`),
  drainSeconds: variable(
    'TASKYARD_DRAIN_SECONDS',
    integer(0, 3600),
    String(DEFAULTS.drainSeconds),
    'After SIGTERM or SIGINT, how long running tasks may take to finish before they are handed back. What kills the process has to wait a few seconds more: Docker waits 10 by itself, Kubernetes 30.',
  ),
  cancelGraceSeconds: variable(
    'TASKYARD_CANCEL_GRACE_SECONDS',
    integer(0, 3600),
    String(DEFAULTS.cancelGraceSeconds),
    'How long a running task may take to obey a cancel request before it is ended without its worker.',
  ),
  sessionGraceSeconds: variable(
    'TASKYARD_SESSION_GRACE_SECONDS',
    integer(0, 3600),
    String(DEFAULTS.sessionGraceSeconds),
    'After the connection of a worker broke, how long it may take to come back before its tasks go to others.',
  ),
  queueDepth: variable(
    'TASKYARD_QUEUE_DEPTH',
    integer(1, 1_000_000_000),
    String(LIMITS.queueDepth),
    'Waiting tasks a queue may hold; over it submissions are refused with 429 `queue_full`.',
  ),
  retentionDays: variable(
    'TASKYARD_RETENTION_DAYS',
    decimal(0, 36_500),
    days(DEFAULT_RETENTION.succeededSeconds),
    'Days that succeeded and cancelled tasks are kept.',
  ),
  retentionFailedDays: variable(
    'TASKYARD_RETENTION_FAILED_DAYS',
    decimal(0, 36_500),
    days(DEFAULT_RETENTION.failedSeconds),
    'Days that failed tasks are kept for a retry.',
  ),
  retentionMegabytes: variable(
    'TASKYARD_RETENTION_MEGABYTES',
    integer(1, 10_000_000),
    String(DEFAULT_RETENTION.finishedBytes / 1_048_576),
    'MiB that finished tasks may take; over it the oldest go first.',
  ),
  allowUnsafeDurability: variable(
    'TASKYARD_ALLOW_UNSAFE_DURABILITY',
    flag,
    '0',
    '`1` starts on a store whose settings may lose acknowledged tasks, which is refused otherwise. SQLite is always opened safely.',
  ),
  url: variable(
    'TASKYARD_URL',
    url('http:', 'https:'),
    'http://127.0.0.1:8080',
    'Server that the command line and `taskyard work` talk to.',
  ),
  namespace: variable(
    'TASKYARD_NAMESPACE',
    namespaceName,
    DEFAULTS.namespace,
    'Whose tasks, queues and workers the command line and `taskyard work` talk about.',
  ),
}

function variable<Value>(name: string, kind: ValueKind<Value>, fallback: string, description: string): Variable<Value> {
  return { name, kind, default: fallback, description, secret: false }
}

function optional<Value>(name: string, kind: ValueKind<Value>, description: string): Variable<Value | null> {
  return { name, kind, default: null, description, secret: false }
}

function secret<Value>(name: string, kind: ValueKind<Value>, description: string): Variable<Value | null> {
  return { ...optional(name, kind, description), secret: true }
}

function days(seconds: number): string {
  return String(seconds / 86_400)
}
