import type { ErrorCode } from '../errors.ts'
import type { BeatParams } from './presence.ts'
import type { ExtendParams, ExtendStatus } from './tasks.ts'

/** The store as a whole. */
export interface LifecyclePort {
  /** A durability class for people, such as `every commit synced to disk (SQLite WAL, synchronous=FULL)`. */
  readonly durability: string

  /** Brings the schema up to date; safe to run again and from several processes. Before it, only `close` may be called. */
  migrate(): Promise<MigrationReport>

  /** Never rejects: says whether a write could be committed now, and if not, why. */
  health(): Promise<StoreHealth>

  /** How a thread of its own can extend leases while the main thread is blocked. */
  threadAccess(): ThreadAccess

  /**
   * A copy of the whole store, with all namespaces, as of one moment: what was acknowledged before the call is in it. Calls go on
   * meanwhile. Absent where the database has tools of its own for that. One at a time.
   * @throws TaskyardError backup_under_way, store_full
   */
  backup?(): Promise<StoreCopy>

  /** Finishes what was accepted, then closes. Idempotent. */
  close(): Promise<void>
}

/** A copy that waits to be read, once. */
export interface StoreCopy {
  readonly sizeBytes: number
  readonly chunks: AsyncIterable<Uint8Array>
  /** Gives up what is not read yet. Idempotent. */
  discard(): Promise<void>
}

export interface MigrationReport {
  readonly from: number
  readonly to: number
}

export interface StoreHealth {
  readonly healthy: boolean
  readonly latencyMs: number
  /** Why it is not healthy; `null` when it is. */
  readonly reason: string | null
  /** Of the catalogue, where the store knows it; `reason` is then the message of such an error. */
  readonly code?: ErrorCode
  readonly sizeBytes: number | null
}

/**
 * A module whose `openLeaseExtender(data)` gives a `LeaseExtender` inside another thread. `data` is structured-cloneable,
 * with `transfer` as its transfer list.
 */
export interface ThreadAccess {
  readonly module: string
  readonly data: unknown
  readonly transfer: readonly object[]
}

/** The store in another thread: its `extend` and, where processes share it, its `beat`. */
export interface LeaseExtender {
  /** `signal` gives up a call that goes over a network; others need not heed it. */
  extend(params: ExtendParams, signal?: AbortSignal): Promise<readonly ExtendStatus[]>
  beat?(params: BeatParams): Promise<unknown>
  close(): Promise<void>
}
