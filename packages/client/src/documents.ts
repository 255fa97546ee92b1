import type { TaskEventKind, TaskStatus, TypeDefaults } from '@taskyard/core'

/** One entry of a task's history as the HTTP API shows it. */
export interface TaskEventDocument {
  readonly n: number
  /** RFC 3339. */
  readonly at: string
  readonly kind: TaskEventKind
  readonly attempt: number
  readonly data: unknown
}

export interface QueueDocument {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<TaskStatus, number>>
  readonly oldestReadyAgeSeconds: number | null
  /** Tasks finished per second, over the last minute at most. */
  readonly throughput: number
}

/** A task type with what its submissions get that do not say otherwise; what is not there is as for every type. */
export interface TaskTypeDocument extends TypeDefaults {
  readonly type: string
}

export interface WorkerDocument {
  readonly workerId: string
  /** `*` is every queue; empty: not known. */
  readonly queues: readonly string[]
  /** `null`: every type, or not known. */
  readonly types: readonly string[] | null
  readonly concurrency: number | null
  readonly connected: boolean
  /** Its death would be noticed; `false`: it claims without a session. */
  readonly watched: boolean
  /** It lives in a server's process. */
  readonly embedded: boolean
  /** Tasks it holds now. */
  readonly leases: number
  /** RFC 3339; `null`: it has no session with the server that was asked. */
  readonly connectedAt: string | null
  /** When it asked for tasks last, RFC 3339: now, while it waits or keeps a session; `null`: not known. */
  readonly seenAt: string | null
}

export interface InfoDocument {
  readonly name: string
  readonly version: string
  readonly nodeId: string
  /** The kind behind each role, such as `{store: 'sqlite'}`. */
  readonly stack: Readonly<Record<string, string | null>>
  /** What an acknowledgement is worth. */
  readonly durability: string
  readonly limits: Readonly<Record<string, number>>
}
