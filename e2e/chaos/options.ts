import type { TestServer } from '@taskyard/test-servers'

export const STORE_KINDS = ['sqlite', 'postgres', 'redis', 'mongodb'] as const
export type StoreKind = (typeof STORE_KINDS)[number]

export interface ChaosOptions {
  readonly store: StoreKind
  /** Of a database server, by its own names, over those of the tests. Not for `sqlite` and `mongodb`. */
  readonly databaseSettings?: Readonly<Record<string, string>>
  /** What else is done to the database and its data. */
  readonly databaseHooks?: (server: TestServer) => DatabaseHooks
  /** Server processes on the store; a SQLite store has one. */
  readonly servers: number
  readonly kills: number
  readonly tasks: number
  readonly seed: number
  /** Where the histories go, and SQLite's data file. */
  readonly directory: string
  readonly workers: number
  readonly leaseSeconds: number
  readonly sessionGraceSeconds: number
  /** How many times longer than promised a recovery may take, for a machine that does much else. Default: 1. */
  readonly limitFactor?: number
  /** How long the quiet times are. */
  readonly quietMs: number
  log(line: string): void
}

/** What is done to a database besides killing it: a bug to see that it is found, or a power failure. */
export interface DatabaseHooks {
  /** Each time that it has started, before anybody uses it. */
  started?(): Promise<void>
  /** Each time that it was killed. */
  killed?(): Promise<void>
}

/** The type that only the remote workers know, and one that the servers' embedded workers run. */
export const REMOTE_TYPE = 'chaos-work'
export const EMBEDDED_TYPE = 'test'
export const REMOTE_QUEUE = 'chaos'
export const EMBEDDED_QUEUE = 'embedded'
/** How much later than the end of grace or lease a task may start again. */
export const RECOVERY_MS = 2000
/** A server whose beats are older than 5 s counts as dead, and the others look every 2 to 3 s. */
export const NODE_GRACE_MS = 8000
/** After the return of the database workers run again within this. */
export const OUTAGE_MS = 5000

/** Long enough for every interrupted task to be due again. */
export function wholeQuietMs(store: StoreKind, { leaseSeconds, sessionGraceSeconds }: Graces): number {
  const nodeGraceMs = store === 'sqlite' ? 0 : NODE_GRACE_MS
  return Math.max(leaseSeconds * 1000, sessionGraceSeconds * 1000, nodeGraceMs) + RECOVERY_MS + 500
}

type Graces = Pick<ChaosOptions, 'leaseSeconds' | 'sessionGraceSeconds'>

/** What the handler of a remote task is to do. */
export interface Work {
  readonly key: string
  readonly ms: number
  /** Attempts that fail before one succeeds. */
  readonly failures: number
  /** Ends for good in failure. */
  readonly doomed: boolean
}
