import type {
  AcceptedTask,
  Backoff,
  Clock,
  ExtendStatus,
  GivenLease,
  IdGenerator,
  JsonText,
  LeasedTask,
  LeaseRef,
  LeaseStatus,
  ListParams,
  NewsPort,
  OpenedStore,
  Random,
  Retention,
  SettleResult,
  StoreCopy,
  StuckQueues,
  Task,
  TaskEvent,
  TaskPage,
  TaskWaiting,
  ToldError,
  TypeDeclaration,
  TypeWithDefaults,
  Violation,
  WorkerRef,
} from '@taskyard/core'
import type { BulkFilter, BulkPart, BulkPartOptions } from './bulk-calls.ts'
import type { EndedTasksInterest, EndListener } from './end-listener.ts'
import type { LoopReport } from './loop-report.ts'
import type { EngineObserver } from './observer.ts'
import type { EngineHealth, QueueOfNamespace, QueueView, WorkerPage, WorkersRequest } from './views.ts'

/** Everything the engine is made of. It owns none of it: close the store after `stop()`. */
export interface EngineOptions {
  readonly store: OpenedStore
  readonly clock: Clock
  readonly random: Random
  readonly ids: IdGenerator
  /** Between the processes on the store. Default: the store's own. `null`: this process is the store's only user. */
  readonly news?: NewsPort | null
  /** This server process, unique per start. */
  readonly nodeId: string
  /**
   * Whether this process does the store's housekeeping: due tasks, expired leases, retention, workers of dead
   * processes. Some process on a store must. Default: true.
   */
  readonly sweeps?: boolean
  /** What is wrong with a payload of this type; an empty list when nothing is. Unknown types pass. */
  readonly checkPayload?: PayloadCheck
  readonly retention?: Retention
  readonly queueDepth?: number
  readonly cancelGraceSeconds?: number
  readonly sessionGraceSeconds?: number
  readonly observer?: EngineObserver
}

/** What is wrong with a payload of a type; nothing where the type has no schema. */
export type PayloadCheck = (type: string, payload: JsonText) => readonly Violation[]

/** A task to be, as a caller hands it in. Checked here: names, bounds and, where the type has a schema, the payload. */
export interface Submission {
  readonly type: string
  readonly payload: JsonText
  readonly queue?: string
  readonly priority?: number
  /** Milliseconds since the epoch. Not together with `delaySeconds`. */
  readonly runAt?: number
  readonly delaySeconds?: number
  readonly maxAttempts?: number
  readonly backoff?: Partial<Backoff>
  /** Seconds an attempt may run; `null`: no bound. Default 3600. */
  readonly timeoutSeconds?: number | null
  readonly tags?: readonly string[]
  readonly idempotencyKey?: string
}

/** What a submission is part of. */
export interface SubmitContext {
  /**
   * A transaction of the caller, of a kind that the store knows: the tasks exist once it commits. Refused with
   * `transaction_unsupported` where the store cannot join it.
   */
  readonly tx?: unknown
  /**
   * Aborts when no new work is taken any more: a submission that still waits for the transaction that holds its idempotency
   * key then rejects at once with `shutting_down`. Nothing of it was stored.
   */
  readonly signal?: AbortSignal
}

/** The task of a submission as it was stored. */
export interface Submitted {
  readonly task: Task
  /** The idempotency key was seen before: `task` is the first one, nothing was added. */
  readonly replayed: boolean
}

/** What a worker asks for. */
export interface Claim {
  readonly worker: WorkerRef
  /** `*` among them: every queue of the namespace, also those to come. */
  readonly queues: readonly string[]
  readonly types?: readonly string[]
  readonly limit: number
  /** Default 30. */
  readonly leaseSeconds?: number
  /** A name for this call of this worker: the same claim again, after a lost answer, gives the leases of the first. */
  readonly requestId?: string
}

/** How one leased attempt ended. */
export type Outcome = LeaseRef & {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'released'
  readonly result?: JsonText
  readonly error?: ToldError
  /** Of `failed`; default true. */
  readonly retryable?: boolean
  readonly retryDelaySeconds?: number
}

/** `results` in the order of the outcomes; `tasks` are those of the claim beside them. */
export interface Settled {
  readonly results: readonly SettleResult[]
  readonly tasks: readonly LeasedTask[]
}

/** Progress (the newest is the task's), a line of the log, or both. */
export interface Recorded extends LeaseRef {
  readonly progress?: JsonText
  readonly log?: string
}

/** What is left out filters nothing; `limit` has a default. */
export interface ListRequest extends BulkFilter, Partial<Pick<ListParams, 'limit' | 'cursor'>> {}

/** Who opens a session, and who is told of cancel requests. */
export interface OpenSession {
  readonly workerId: string
  readonly queues?: readonly string[]
  readonly types?: readonly string[] | null
  readonly concurrency?: number
  readonly embedded?: boolean
  /**
   * Names this start of the worker's program. When another start of the same worker was connected here and its connection broke, that one is
   * dead: its leases that were claimed with a session end now, and not after the grace, as long as the worker holds nothing else.
   */
  readonly startId?: string
  onCancel(taskId: string): void
}

/** Taskyard in one process. */
export interface Engine {
  readonly nodeId: string
  /**
   * Starts the loops. Resolves when this process counts as alive, and leases of dead
   * ones are being seen to.
   */
  start(): Promise<void>
  /** Ends waiting calls with what they have, stops the loops. Idempotent; resolves when all is still. */
  stop(): Promise<void>
  /**
   * What can be done in a namespace.
   * @throws TaskyardError invalid_request for what can be none
   */
  in(namespace: string): UseCases
  /** The queues of the namespaces in which something was done in this process within the last hour, 100 at most, and of the default one. */
  queuesOfUsedNamespaces(): Promise<readonly QueueOfNamespace[]>
  /** How many workers are connected to this process, of all namespaces. */
  connectedWorkers(): number
  /** Asks the store now. */
  health(): Promise<EngineHealth>
  /** Copies the whole store, see `LifecyclePort.backup`; `null`: its database is backed up by other means. */
  readonly backup: (() => Promise<StoreCopy>) | null
  /** How the background work of this process fares. */
  loops(): readonly LoopReport[]
}

/**
 * Once it is over, in whichever way, and unless the same worker opens another within the session grace, or shows a sign of life,
 * the worker's leases that were claimed with a session end early. Each way counts once, and one that was lost may be closed.
 */
export interface WorkerConnection {
  /** Resolves, within about 10 s, when the leases of a dead start of this worker (`startId`) have ended, or are left to their time. */
  readonly opened: Promise<void>
  /** It broke. Until its grace is over the worker counts among those that take tasks. */
  lost(): void
  /** The worker has ended it: it takes no more tasks. */
  close(): void
}

/**
 * The use cases of Taskyard, in one namespace: whatever a caller names is looked for there, and what belongs to another is
 * answered as what does not exist. Inputs are checked here, whatever way they came, so transports only translate.
 * Rejects with `TaskyardError`. Hot calls of the same kind that arrive together share one store call (group commit).
 */
export interface UseCases {
  readonly namespace: string
  /**
   * Stores a task; it is durable once this resolves.
   * @throws invalid_request, idempotency_conflict, queue_full, transaction_unsupported, shutting_down
   */
  submit(submission: Submission, context?: SubmitContext): Promise<Submitted>
  /** All or nothing: one bad task refuses the batch, with its index in the violations' paths (`/tasks/3/payload/to`). */
  submitMany(submissions: readonly Submission[], context?: SubmitContext): Promise<readonly AcceptedTask[]>

  /**
   * Leases ready tasks, waiting up to `waitSeconds` for the first; `signal` ends the wait early, with none. A call that is
   * made again under the same request id ends the first one, with none.
   */
  claim(claim: Claim, waitSeconds?: number, signal?: AbortSignal): Promise<readonly LeasedTask[]>
  /**
   * Gives back leases of a claim whose answer nobody heard, as `givenFirst` tells them, each as long as it still ends when that
   * answer said: nobody has extended it, and no repetition of its claim was given it since, at any server. Never rejects for the
   * store's sake: what cannot be given back runs out.
   */
  giveBack(leases: readonly GivenLease[]): Promise<void>
  /** Lets leases end `leaseSeconds` (default 30) from now; answers each with `ok`, `lost`, or `cancel` when it is to be stopped. */
  heartbeat(leases: readonly LeaseRef[], leaseSeconds?: number): Promise<readonly ExtendStatus[]>
  /** Reports how attempts ended, each accepted once and only under its live token, and claims the next ones in the same call. */
  settle(outcomes: readonly Outcome[], claim?: Claim): Promise<Settled>
  /** Adds to the histories of running tasks. `lost`: refused, and nothing was changed. */
  record(entries: readonly Recorded[]): Promise<readonly LeaseStatus[]>
  /** A worker's live connection. Cancel requests for its tasks reach `onCancel` at once. @throws TaskyardError invalid_request */
  openSession(session: OpenSession): WorkerConnection
  /** Workers that are connected, hold leases, or have claimed within the last minute, at whatever process of the store. @throws TaskyardError invalid_request */
  workers(request?: WorkersRequest): Promise<WorkerPage>

  /** @throws task_not_found */
  get(taskId: string): Promise<Task>
  /** The task once it is terminal, or as it is when `waitSeconds` are over or `signal` aborts. */
  wait(taskId: string, waitSeconds: number, signal?: AbortSignal): Promise<Task>
  /** Why a task does not run, as far as is known: what keeps it for good before what passes by itself. @throws task_not_found */
  waiting(taskId: string): Promise<TaskWaiting>
  /** Queues and types whose ready tasks nothing starts as things are: paused, or not taken by any known worker. */
  stuckQueues(): Promise<StuckQueues>
  /** Tells of tasks as they end, whoever ran them, until the returned function is called. By news: best effort. */
  onEnded(interest: EndedTasksInterest, listener: EndListener): () => void
  /** Newest first. A page may be shorter than its limit although more follow. @throws invalid_request */
  list(request: ListRequest): Promise<TaskPage>
  /** The next events after `n`; none when there are no more. @throws task_not_found */
  history(taskId: string, after?: number): Promise<readonly TaskEvent[]>
  /** Events after `n` as they happen, until the task is terminal or `signal` aborts. @throws task_not_found */
  watch(taskId: string, after: number, signal: AbortSignal): AsyncIterable<TaskEvent>

  /** @throws task_not_found, not_cancellable */
  cancel(taskId: string): Promise<Task>
  /** @throws task_not_found, not_retryable */
  retry(taskId: string): Promise<Task>
  /**
   * Cancels every matching task that is there and has not ended, also those that change their state meanwhile. Counts, once
   * each, those that it cancelled or asked to stop; not those that had been asked before.
   */
  cancelMatching(filter: BulkFilter, options?: BulkPartOptions): Promise<BulkPart>
  /** Redrives every matching failed or cancelled task (default: failed), and counts them. */
  retryMatching(filter: BulkFilter, options?: BulkPartOptions): Promise<BulkPart>
  /**
   * Removes a task that has ended, with its history. Who waits for it or watches it is told task_not_found.
   * @throws task_not_found, not_deletable
   */
  delete(taskId: string): Promise<void>
  /** Removes every matching task that has ended, and counts them. @throws invalid_request for the status of one that has not */
  deleteMatching(filter: BulkFilter, options?: BulkPartOptions): Promise<BulkPart>

  /** Every queue that has ever had a task. */
  queues(): Promise<readonly QueueView[]>
  /** @throws queue_not_found */
  queue(queue: string): Promise<QueueView>
  /** Lets no more of the queue's tasks be claimed; those that run go on. Idempotent. */
  pause(queue: string): Promise<void>
  /** Undoes `pause`. Idempotent. */
  resume(queue: string): Promise<void>

  /** The types that have defaults of their own, in the order of their names. */
  types(): Promise<readonly TypeWithDefaults[]>
  /**
   * Sets what submissions of these types get that do not say otherwise; with `null` a type is as every type again. All
   * or nothing; the last declaration of a type wins. Submissions that come to this process afterwards see it, others within
   * 5 s, and within a minute where no beat tells of it (`BeatReply`).
   * @throws invalid_request, too_many_types
   */
  declareTypes(types: readonly TypeDeclaration[]): Promise<void>
}
