import type { TaskStatus } from '@taskyard/core'

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

/** A worker that is connected or holds leases. */
export interface WorkerView {
  readonly workerId: string
  readonly queues: readonly string[]
  readonly types: readonly string[] | null
  readonly concurrency: number | null
  readonly connected: boolean
  /** Its death would be noticed; `false`: it holds leases that it claimed without a session. */
  readonly watched: boolean
  readonly embedded: boolean
  readonly leases: number
  /** Milliseconds since the epoch. */
  readonly connectedAt: number | null
}
