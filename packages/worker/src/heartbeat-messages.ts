import type { LeaseRef } from '@taskyard/core'

/** What the heartbeat thread is given to work with. */
export interface HeartbeatThreadData {
  readonly thread: string
  readonly module: string
  readonly data: unknown
  readonly board: SharedArrayBuffer
  readonly slots: number
  readonly leaseMs: number
}

/** An answer worth the main thread's attention. */
export interface LeaseNews extends LeaseRef {
  readonly slot: number
  readonly generation: number
  readonly status: 'lost' | 'cancel'
}

export type FromHeartbeatThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'news'; readonly news: readonly LeaseNews[] }
  | { readonly kind: 'error'; readonly message: string; readonly code: string | null }

export type ToHeartbeatThread = { readonly kind: 'stop' } | { readonly kind: 'hurry'; readonly isHurried: boolean }
