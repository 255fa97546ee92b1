import type { StoreHealth, TaskStatus } from '@taskyard/core'
import type { LoopReport } from './loop-report.ts'

/** A queue as people see it. */
export interface QueueView {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<TaskStatus, number>>
  readonly oldestReadyAgeSeconds: number | null
  /** Tasks finished per second, over the last minute at most. */
  readonly throughput: number
}

/** A queue, and whose it is. */
export interface QueueOfNamespace extends QueueView {
  readonly namespace: string
}

/** A worker that is connected, holds leases, or has claimed lately. */
export interface WorkerView {
  readonly workerId: string
  /** `*` is every queue; empty: not known. */
  readonly queues: readonly string[]
  /** `null`: every type, or not known. */
  readonly types: readonly string[] | null
  readonly concurrency: number | null
  readonly connected: boolean
  /** Its death would be noticed; `false`: it claims without a session. */
  readonly watched: boolean
  readonly embedded: boolean
  readonly leases: number
  /** Milliseconds since the epoch. */
  readonly connectedAt: number | null
  /** When it asked for tasks last, milliseconds since the epoch; `null`: not known. */
  readonly seenAt: number | null
}

/** `limit`: 50 by default, 200 at most; `cursor`: `nextCursor` of the page before. */
export interface WorkersRequest {
  readonly limit?: number
  readonly cursor?: string | null
}

/** In the order of their ids. */
export interface WorkerPage {
  readonly workers: readonly WorkerView[]
  /** `null`: there are no more. */
  readonly nextCursor: string | null
}

/** Whether tasks can be taken in and given out, and what stands in the way. */
export interface EngineHealth {
  readonly ready: boolean
  readonly store: StoreHealth
  /** Of this process; those that are essential must be healthy. */
  readonly loops: readonly LoopReport[]
}
