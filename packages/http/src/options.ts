import { type Clock, DEFAULTS } from '@taskyard/core'
import type { Engine } from '@taskyard/engine'
import type { Metrics } from './metrics/create-metrics.ts'

/** What the HTTP API is made of. It owns none of it. */
export interface HttpOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly info: HttpInfo
  readonly metrics: Metrics
  readonly limits?: Partial<HttpLimits>
  /** Default: any name. */
  readonly hosts?: HostNames
  /**
   * Aborts when the server is to drain: from then on it refuses new work and ends what waits or streams, and goes on
   * answering everything else until it is closed.
   */
  readonly draining?: AbortSignal
  /** Told of each request once it is answered. Costs a part of the throughput. Default: nobody is told. */
  readonly answered?: (request: AnsweredRequest) => void
  /** Default: unexpected errors are not logged. */
  readonly logger?: ErrorLog
}

export interface AnsweredRequest {
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly status: number
  readonly ms: number
}

/** Under which names the API is reached. */
export interface HostNames {
  /** It listens on this machine alone: a request under any other name than `localhost` and the like is refused. */
  readonly loopbackOnly: boolean
  /** Further names, without ports: of a proxy in front, say. */
  readonly others: readonly string[]
}

export interface HttpInfo {
  readonly version: string
  /** The kind behind each role, such as `{store: 'sqlite'}`. */
  readonly stack: Readonly<Record<string, string | null>>
  /** The store's own words on what an acknowledgement is worth. */
  readonly durability: string
}

export interface HttpLimits {
  /** Calls per minute and client of each route that works by filter. */
  readonly bulkPerMinute: number
  /** How long such a call works before it answers with what it has done so far. */
  readonly bulkSeconds: number
  /** Open connections; further ones are closed at once. */
  readonly connections: number
  /** Of answers that wait to be read, on all connections together, in characters; beyond it connections are closed. */
  readonly unreadBytes: number
  /** Open event streams of tasks; further ones are refused with `rate_limited`. */
  readonly eventStreams: number
  /** How long the head of a request, and the whole of it, may take to arrive. */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number
  /** Between two comment lines that keep an event stream alive. */
  readonly pingMs: number
  /** The same for the session of a worker, which is told of it. */
  readonly sessionPingMs: number
  /** What workers are told of the engine's session grace. */
  readonly sessionGraceSeconds: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  bulkPerMinute: 30,
  bulkSeconds: 20,
  connections: 10_000,
  unreadBytes: 128 * 1024 * 1024,
  eventStreams: 1000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  pingMs: 10_000,
  sessionPingMs: 2000,
  sessionGraceSeconds: DEFAULTS.sessionGraceSeconds,
}

export interface ErrorLog {
  error(details: object, message: string): void
  warn?(details: object, message: string): void
}

export const SILENT: ErrorLog = { error: () => undefined }
