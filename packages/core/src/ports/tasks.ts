import type { Backoff } from '../backoff.ts'
import type { JsonText } from '../json.ts'
import type { LeasedTask, LeaseRef, RetryableStatus, TaskError, TaskStatus, TerminalStatus } from '../task.ts'

/** What becomes of tasks: everything that changes one. */
export interface TasksPort {
  /**
   * Stores submissions. Each is all or nothing and is judged by itself; one bad submission never harms another, nor does
   * one whose key is held make another wait.
   */
  enqueue(params: EnqueueParams): Promise<readonly EnqueueOutcome[]>

  /**
   * Leases up to `limit` ready tasks: higher priority first, then by readiness. Never from a paused queue, never one
   * before its time. A type or queue that nobody claims does not slow the others. A task with `SUSPECT_CRASHES` is given
   * out alone: an answer ends before it, or holds nothing else. An answer is bounded in bytes: it ends with the task whose
   * payload brings it to `LIMITS.claimBytes`.
   */
  claim(params: ClaimParams): Promise<readonly LeasedTask[]>

  /** Heartbeats: moves each lease's end to now + `leaseMs`. `lost` leases are dead for good. */
  extend(params: ExtendParams): Promise<readonly ExtendStatus[]>

  /**
   * Ends leases and, in the same round trip, may claim the next tasks. A lost lease changes nothing. The results are those
   * of the settlements one after the other; one that was accepted is `ok` again for as long as the history knows it.
   */
  settle(params: SettleParams): Promise<SettleReport>

  /** Appends progress and log lines; bounded per attempt. A lost lease appends nothing. */
  record(params: RecordParams): Promise<readonly LeaseStatus[]>

  /** Cancels waiting tasks at once and asks running ones to stop. */
  cancel(params: TaskIdsParams): Promise<readonly CancelOutcome[]>

  /**
   * Makes failed and cancelled tasks ready again: attempts and crashes reset, history and token kept. What has not ended so stays,
   * and what has ended otherwise than `statuses`.
   */
  retry(params: RetryParams): Promise<readonly RetryOutcome[]>

  /**
   * Removes tasks that have ended with all that belongs to them, as retention does: they leave the counts, but not `finishedTotal`,
   * and an idempotency key of theirs is that of a task that is gone. What has not ended stays, and what has ended otherwise than `statuses`.
   */
  delete(params: DeleteParams): Promise<readonly DeleteOutcome[]>
}

export interface NewTask {
  readonly id: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly payload: JsonText
  readonly priority: number
  /** Due at this time (ms); `null`: `delayMs` from now. */
  readonly runAt: number | null
  readonly delayMs: number
  readonly maxAttempts: number
  readonly backoff: Backoff
  readonly timeoutSeconds: number | null
  readonly tags: readonly string[]
  /** `fingerprint` identifies the request: the same key with another fingerprint is a conflict. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

export interface EnqueueParams {
  readonly submissions: readonly { readonly tasks: readonly NewTask[] }[]
  /** Waiting tasks that a queue may hold. */
  readonly queueDepth: number
  /**
   * The caller's own transaction: the tasks exist when it commits. A store that cannot join it refuses with
   * `transaction_unsupported`.
   */
  readonly tx?: unknown
}

export type EnqueueOutcome =
  | { readonly kind: 'accepted'; readonly tasks: readonly AcceptedTask[] }
  | { readonly kind: 'idempotency-conflict'; readonly key: string }
  | { readonly kind: 'idempotent-task-gone'; readonly key: string; readonly taskId: string }
  /** A transaction that has not ended uses the key: it is not known yet whether the key is free. Nothing was stored; ask again. */
  | { readonly kind: 'idempotency-key-held'; readonly key: string }
  | { readonly kind: 'queue-full'; readonly queue: string }
  /** The server had no room for this one in time. Nothing of it was stored; `reason` says what to do. */
  | { readonly kind: 'no-room'; readonly reason: string }

export interface AcceptedTask {
  /** The id of the first task where the key was seen before. */
  readonly id: string
  readonly status: TaskStatus
  readonly createdAt: number
  readonly runAt: number
  readonly replayed: boolean
}

export interface WorkerRef {
  readonly workerId: string
  /** The server process the worker lives in; `null` for one that came over the network. */
  readonly nodeId: string | null
  /** It keeps a session open, so that its death is noticed before its leases end. */
  readonly session: boolean
}

export interface ClaimParams {
  readonly namespace: string
  /** `null`: every queue of the namespace, those that are new at this moment too. */
  readonly queues: readonly string[] | null
  /** `null`: every type. */
  readonly types: readonly string[] | null
  readonly limit: number
  readonly leaseMs: number
  readonly worker: WorkerRef
  /**
   * Names this call of this worker, so that it may be repeated after a lost reply: while leases that it gave still hold,
   * the same call gives those `again`, higher priority and earlier submission first, under their tokens and extended to
   * now + `leaseMs` (to 1 ms after their end at least, so that this moves; to any other end where the attempt's deadline
   * comes first), and claims nothing. `null`: every call claims anew.
   */
  readonly requestId: string | null
}

export interface ExtendParams {
  /** Of these leases, here and below: what is of another is `lost` or `not-found`, and stays as it is. */
  readonly namespace: string
  readonly leases: readonly LeaseRef[]
  readonly leaseMs: number
}

export type LeaseStatus = 'ok' | 'lost'

export type ExtendStatus = LeaseStatus | 'cancel'

export type Settlement = LeaseRef &
  (
    | { readonly outcome: 'succeeded'; readonly result: JsonText | null }
    | {
        readonly outcome: 'failed'
        readonly error: TaskError
        readonly retryable: boolean
        readonly retryDelayMs: number | null
        /** Uniform in [0, 1), for the backoff. */
        readonly jitter: number
      }
    | { readonly outcome: 'cancelled' }
    | {
        readonly outcome: 'released'
        /**
         * Only while the lease ends at this very time, in ms: it was not extended since, nor given again by a repetition of
         * its claim. Else `lost`. An extension to the same end is not told apart.
         * Absent: however long it lasts.
         */
        readonly expiresAt?: number
      }
  )

export interface SettleParams {
  readonly namespace: string
  readonly settlements: readonly Settlement[]
  readonly claim: ClaimParams | null
}

export interface SettleReport {
  readonly results: readonly SettleResult[]
  readonly tasks: readonly LeasedTask[]
}

export type SettleResult = { readonly status: 'lost' } | AcceptedSettlement

export interface AcceptedSettlement {
  readonly status: 'ok'
  /** Where the task went. */
  readonly taskStatus: TaskStatus
  /** The same settlement had been accepted before; nothing changed now. */
  readonly repeated: boolean
  readonly namespace: string
  readonly queue: string
  readonly type: string
  /** From readiness to the start of the attempt, and from there to now; ms. */
  readonly waitMs: number
  readonly runMs: number
  /** When a task that goes on is due. */
  readonly runAt: number | null
}

export interface RecordParams {
  readonly namespace: string
  readonly entries: readonly (LeaseRef & { readonly progress: JsonText | null; readonly log: string | null })[]
}

export interface TaskIdsParams {
  readonly namespace: string
  readonly taskIds: readonly string[]
}

export interface RetryParams extends TaskIdsParams {
  /** Only tasks that have ended so by now. Left out: either way. */
  readonly statuses?: readonly RetryableStatus[]
}

export interface DeleteParams extends TaskIdsParams {
  /** Only tasks that have ended so by now. Left out: however they have. */
  readonly statuses?: readonly TerminalStatus[]
}

export type CancelOutcome =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'requested'; readonly workerId: string }
  | { readonly kind: 'ended'; readonly status: TaskStatus }
  | { readonly kind: 'not-found' }

export type RetryOutcome =
  | { readonly kind: 'retried' }
  | { readonly kind: 'not-retryable'; readonly status: TaskStatus }
  | { readonly kind: 'not-found' }

export type DeleteOutcome =
  | { readonly kind: 'deleted' }
  /** It has not ended, or not as was wanted. */
  | { readonly kind: 'kept'; readonly status: TaskStatus }
  /** Also where the same call, whose answer was lost, has deleted it. */
  | { readonly kind: 'not-found' }
