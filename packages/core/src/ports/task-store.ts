import type { Backoff } from '../backoff.ts'
import type { TaskyardError } from '../errors.ts'
import type { JsonText } from '../json.ts'
import type { Retention } from '../limits.ts'
import type { LeasedTask, LeaseRef, Task, TaskError, TaskStatus } from '../task.ts'
import type { TaskEvent } from '../task-event.ts'

/**
 * Where tasks live: the single source of truth. What every adapter guarantees, and the conformance suite checks:
 *
 * - A call that resolves is committed and synced; a call that rejects with a definite error changed nothing.
 * - Repeating a call after a lost reply is safe: tasks are not doubled, a settled lease answers `ok` again.
 * - Every write under a lease is one conditional statement on task id *and* token: a stale one changes nothing.
 * - Tokens strictly rise per task, over restarts too.
 * - Times are judged by the store's clock alone; it never runs backwards.
 * - Results come back in the order of their inputs, one for each.
 * - An id that is no lower-case UUID names no task, and a token that is none no lease: `null`, `not-found`, `lost`, never an
 *   error, and the others of the call are answered as without it.
 * - Errors are `TaskyardError`s (`store_full`, `store_read_only`, `store_unavailable`, …).
 */
export interface TaskStore {
  /** A durability class for people, such as `every commit synced to disk (SQLite WAL, synchronous=FULL)`. */
  readonly durability: string

  /** Brings the schema up to date; safe to run again and from several processes. Before it, only `close` may be called. */
  migrate(): Promise<MigrationReport>

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

  /** Makes failed and cancelled tasks ready again: attempts and crashes reset, history and token kept. */
  retry(params: TaskIdsParams): Promise<readonly RetryOutcome[]>

  /** The tasks by id, `null` where there is none. */
  find(params: TaskIdsParams): Promise<readonly (Task | null)[]>

  /**
   * One page, newest first. The work per call is bounded, so a page may hold fewer than `limit` items, even none, while
   * `nextCursor` is set: only a `null` cursor ends the list.
   * @throws TaskyardError `invalid_request` for a cursor that is not one of its own
   */
  list(params: ListParams): Promise<TaskPage>

  /**
   * A task's events with `n` greater than `after`, oldest first; `null` when there is no such task. Bounded like `list`:
   * only an answer without events ends the history.
   */
  history(params: HistoryParams): Promise<readonly TaskEvent[] | null>

  /** Every queue that ever had a task, in O(queues), whatever the number of tasks. */
  counts(params: CountsParams): Promise<readonly QueueCounts[]>

  /** A paused queue accepts tasks and lets none be claimed. Idempotent; survives restarts. */
  pause(params: PauseParams): Promise<void>

  /** A server process says that it lives, and which workers it answers for, until its next beat or the end of this one. */
  beat(params: BeatParams): Promise<void>

  /** Who holds leases now. */
  holders(): Promise<readonly LeaseHolder[]>

  /**
   * Ends the leases of these workers at once, as expired: their processes are known to be gone (`afterLeaseEnd`). Leases that
   * nobody watches (`isWatched`) stay: of them nobody can know. So do those whose worker is alive (`LeaseHolder`) now: it may have
   * come to another server since it was judged.
   */
  endLeases(params: EndLeasesParams): Promise<readonly EndedLease[]>

  /**
   * The workers of these leases, which are over, were heard of: they had not died. Where the end of one counted against its task
   * (`loneCrashes`), it does so no longer; `crashes` stays. Leases of which that is not so change nothing, nor does a repetition.
   */
  takeBackCrashes(params: TakeBackCrashesParams): Promise<void>

  /**
   * Housekeeping in one bounded step: due tasks become ready, expired leases and passed deadlines end, overdue cancels
   * are enforced, retention removes what is over its bounds. Says when it wants to be called again.
   */
  sweep(params: SweepParams): Promise<SweepReport>

  /**
   * Calls `listener` when tasks may have become ready, or are about to: a claim made at once gets them, or another call
   * follows. Best effort. The returned function stops it.
   */
  onReady(listener: ReadyListener): () => void

  /** Never rejects: says whether a write could be committed now, and if not, why. */
  health(): Promise<StoreHealth>

  /** How a thread of its own can extend leases while the main thread is blocked. */
  threadAccess(): ThreadAccess

  /** Finishes what was accepted, then closes. Idempotent. */
  close(): Promise<void>
}

export interface MigrationReport {
  readonly from: number
  readonly to: number
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
  readonly queues: readonly string[]
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
  readonly queue: string
  readonly type: string
  /** From readiness to the start of the attempt, and from there to now; ms. */
  readonly waitMs: number
  readonly runMs: number
  /** When a task that goes on is due. */
  readonly runAt: number | null
}

export interface RecordParams {
  readonly entries: readonly (LeaseRef & { readonly progress: JsonText | null; readonly log: string | null })[]
}

export interface TaskIdsParams {
  readonly taskIds: readonly string[]
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

export interface TaskFilter {
  readonly namespace: string
  readonly status: TaskStatus | null
  readonly type: string | null
  readonly queue: string | null
  readonly tag: string | null
  /** Inclusive; ms. */
  readonly createdAfter: number | null
  /** Exclusive; ms. */
  readonly createdBefore: number | null
}

export interface ListParams extends TaskFilter {
  readonly limit: number
  readonly cursor: string | null
}

export interface TaskPage {
  readonly items: readonly Task[]
  readonly nextCursor: string | null
}

export interface HistoryParams {
  readonly taskId: string
  readonly after: number
  readonly limit: number
}

export interface CountsParams {
  readonly namespace: string
  /** `null`: every queue. */
  readonly queue: string | null
}

export interface QueueCounts {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<TaskStatus, number>>
  /** Readiness of the task that has waited longest, ms; `null` when none waits. */
  readonly oldestReadyAt: number | null
  /** Tasks ever finished, which only rises: the difference of two readings is the throughput. */
  readonly finishedTotal: number
}

export interface PauseParams {
  readonly namespace: string
  readonly queue: string
  readonly paused: boolean
}

export interface BeatParams {
  /** Unique per start of a process. */
  readonly nodeId: string
  /** Workers that live in the process, or keep a session open with it. Replaces those of the beat before. */
  readonly workerIds: readonly string[]
  /** How long the beat holds; 0 takes the process off at once. */
  readonly ttlMs: number
}

/** A worker in one process, or in none. Its `session` is `true` when any of these leases has one. */
export interface LeaseHolder extends WorkerRef {
  readonly namespace: string
  /** A server process whose beat holds is the worker's own node, or names the worker. */
  readonly alive: boolean
  readonly leases: number
  /**
   * When the first and the last of these leases expire, ms, whatever else would end them before. Of a lease whose task's
   * deadline comes first, a store may say another time, as long as an extension moves that too.
   */
  readonly firstEnd: number
  readonly lastEnd: number
}

export interface EndLeasesParams {
  readonly workerIds: readonly string[]
}

export interface TakeBackCrashesParams {
  readonly leases: readonly LeaseRef[]
}

/** A lease that ended without its worker's word. */
export interface EndedLease extends LeaseRef {
  readonly reason: 'expired' | 'timeout' | 'cancelled'
  readonly queue: string
  readonly type: string
  readonly workerId: string
  readonly taskStatus: TaskStatus
}

export interface SweepParams {
  /** How long a running task may take to obey a cancel request. */
  readonly cancelGraceMs: number
  readonly retention: Retention
  /** At most this many tasks per chore. */
  readonly limit: number
  /** Uniform in [0, 1), for the backoff of timed-out tasks. */
  readonly jitter: number
}

export interface SweepReport {
  readonly ended: readonly EndedLease[]
  /** Due tasks made ready. */
  readonly promoted: number
  /** Tasks removed by retention. */
  readonly removed: number
  /** When the next lease, deadline, cancel or due task wants a sweep, ms; `null`: nothing is foreseen. */
  readonly nextAt: number | null
  /**
   * Chores that failed when they ran last, where there are any. The store is there nevertheless, and the rest of the
   * report holds.
   */
  readonly failures?: readonly ChoreFailure[]
}

export interface ChoreFailure {
  /** In words. */
  readonly chore: string
  /** The same object for as long as it is the same failure. */
  readonly error: TaskyardError
}

export interface ReadyLane {
  readonly namespace: string
  readonly queue: string
  readonly type: string
}

export type ReadyListener = (lanes: readonly ReadyLane[]) => void

export interface StoreHealth {
  readonly healthy: boolean
  readonly latencyMs: number
  /** Why it is not healthy; `null` when it is. */
  readonly reason: string | null
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

/** What a heartbeat thread needs: the `extend` of the port and, where processes share the store, its `beat`. */
export interface LeaseExtender {
  /** `signal` gives up a call that goes over a network; others need not heed it. */
  extend(params: ExtendParams, signal?: AbortSignal): Promise<readonly ExtendStatus[]>
  beat?(params: BeatParams): Promise<void>
  close(): Promise<void>
}
