import type { JsonText } from '../json.ts'
import type { LeaseRef, TaskError, TaskStatus } from '../task.ts'
import type { LeasedTaskDocument } from '../task-document.ts'
import type { ThreadAccess } from './lifecycle.ts'
import type { TypeWithDefaults } from './task-types.ts'
import type { ExtendParams, ExtendStatus } from './tasks.ts'

/**
 * What a worker needs of a Taskyard, whether it lives in the same process or behind HTTP. Every call may be repeated
 * after a lost reply. Calls reject with `TaskyardError`; `retryable` ones are worth repeating.
 */
export interface WorkerApi {
  /** Waits up to `waitSeconds` for tasks; resolves with none when the time is up or `signal` aborts. */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<readonly LeasedTaskDocument[]>
  /** Settles outcomes and, with `claim`, leases the next tasks in the same round trip, without waiting for any. */
  settle(request: SettleRequest): Promise<SettleResponse>
  /** Progress and log lines. */
  record(entries: readonly RecordEntry[]): Promise<readonly { taskId: string; status: 'ok' | 'lost' }[]>
  /** Sets what submissions of these types get that do not say otherwise. All or nothing. */
  declareTypes(types: readonly TypeWithDefaults[]): Promise<void>
  /**
   * Tells that the worker is alive and hears of cancel requests at once. Reconnects by itself until closed. The first
   * opening resolves `opened`. `onChange` is told when the session breaks, and when it is open again: meanwhile only
   * heartbeats say that the worker lives. It is not told of `close()`.
   */
  openSession(
    worker: SessionRequest,
    onCancel: (taskId: string) => void,
    onChange?: (isOpen: boolean) => void,
  ): WorkerSession
  /** How a heartbeat thread reaches the same Taskyard: the module's `openLeaseExtender(data)` gives `Heartbeats`. */
  threadAccess(): ThreadAccess
  /** Heartbeats of that thread were answered `lost`: for a Taskyard whose heartbeats go past whoever takes heed of that. */
  heartbeatRefused?(leases: readonly LeaseRef[]): void
}

/** What the heartbeat thread of a worker needs. */
export interface Heartbeats {
  /** Moves the end of each lease to now + `leaseMs`. `signal` gives up a call that goes over a network; others need not heed it. */
  extend(params: Omit<ExtendParams, 'namespace'>, signal?: AbortSignal): Promise<readonly ExtendStatus[]>
  close(): Promise<void>
}

export interface SessionRequest {
  readonly workerId: string
  readonly queues: readonly string[]
  readonly types: readonly string[] | null
  readonly concurrency: number
  /** Unique per start of a worker: one that is started again under its id is not the one before. */
  readonly startId: string
}

export interface WorkerSession {
  readonly opened: Promise<void>
  close(): Promise<void>
}

export interface ClaimRequest {
  readonly workerId: string
  readonly queues: readonly string[]
  readonly types?: readonly string[]
  /** 1–1000. */
  readonly limit: number
  /** The same claim again, with the same id, gives the same tasks as long as their leases hold: its answer was lost. */
  readonly requestId?: string
  /** 1–3600, default 30. */
  readonly leaseSeconds?: number
  /** 0–60, default 0. */
  readonly waitSeconds?: number
}

export interface TaskOutcome extends LeaseRef {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'released'
  /** Of `succeeded`. */
  readonly result?: JsonText
  readonly error?: TaskError
  /** Of `failed`; default true. */
  readonly retryable?: boolean
  readonly retryDelaySeconds?: number
}

export interface SettleRequest {
  readonly outcomes: readonly TaskOutcome[]
  readonly claim?: Omit<ClaimRequest, 'waitSeconds'>
}

/** What the Taskyard has decided on an outcome. `lost`: the lease was over, and the outcome was not taken. */
export type OutcomeAnswer =
  | { readonly status: 'lost' }
  | {
      readonly status: 'ok'
      /** Where the task went. */
      readonly taskStatus: TaskStatus
      /** When its next attempt is due, of one that is `scheduled`. */
      readonly runAt?: string
    }

export interface SettleResponse {
  readonly results: readonly ({ readonly taskId: string } & OutcomeAnswer)[]
  readonly tasks?: readonly LeasedTaskDocument[]
}

export interface RecordEntry extends LeaseRef {
  readonly progress?: JsonText
  readonly log?: string
}
