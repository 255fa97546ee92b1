import type {
  Backoff,
  HandlerWithDefaults,
  PayloadOf,
  ResultOf,
  StoredResult,
  TaskDocument,
  TaskHandler,
  TaskHandlers,
  TaskStatus,
  TaskWaiting,
  TypeDefaults,
} from '@taskyard/core'
import type { Worker, WorkerOptions } from '@taskyard/worker'
import type { InfoDocument, QueueDocument, TaskEventDocument, TaskTypeDocument, WorkerDocument } from './documents.ts'

export type TypeOf<Handlers extends TaskHandlers> = keyof Handlers & string

/** A task of one type, with the payload and result types of its handler; of several types, a task of any of them. */
export type TaskOf<Handlers extends TaskHandlers, Type extends TypeOf<Handlers>> = Type extends unknown
  ? TaskDocument<PayloadOf<Handlers, Type>, ResultOf<Handlers, Type>> & { readonly type: Type }
  : never

/** A task of any of the types: `if (task.type === 'email')` narrows its payload and result. */
export type AnyTaskOf<Handlers extends TaskHandlers> = TaskOf<Handlers, TypeOf<Handlers>>

/** The result of a task of one type that succeeded: what its handler returned, `null` where that was nothing. */
export type ResultOfTask<Handlers extends TaskHandlers, Type extends TypeOf<Handlers>> = StoredResult<
  ResultOf<Handlers, Type>
>

type HandlerOf<Payload, Result> = TaskHandler<Payload, Result> | HandlerWithDefaults<Payload, Result>

/** Handlers for some of the types. */
export type HandlersOf<Handlers extends TaskHandlers> = TaskHandlers extends Handlers
  ? TaskHandlers
  : { readonly [Type in TypeOf<Handlers>]?: HandlerOf<PayloadOf<Handlers, Type>, ResultOf<Handlers, Type>> }

export interface TaskOptions {
  /** Default `default`. */
  readonly queue?: string
  /** −1000 to 1000, higher first. Default 0. */
  readonly priority?: number
  /** Not before this time; a text is RFC 3339. Not together with `delaySeconds`. */
  readonly runAt?: Date | string
  readonly delaySeconds?: number
  /** Tries that may fail; one whose worker is lost puts the task back whatever this says. Default: that of the type, else 10. */
  readonly maxAttempts?: number
  /** Default: that of the type, else exponential from a second to an hour. */
  readonly backoff?: Partial<Backoff>
  /** Seconds one attempt may run; `null`: no bound. Default: that of the type, else 3600. */
  readonly timeoutSeconds?: number | null
  readonly tags?: readonly string[]
}

export interface SubmitOptions extends TaskOptions {
  /** Names the submission for 24 hours: submitted again under the same key, nothing is added. */
  readonly idempotencyKey?: string
}

/** What became of a task of a batch. */
export interface SubmittedTask {
  readonly id: string
  readonly status: TaskStatus
  /** It was submitted before under the same idempotency key: nothing was added, this is the first task. */
  readonly replayed?: true
}

export interface TransactionOptions {
  /**
   * A transaction of yours on the store's own PostgreSQL database: the tasks exist when it commits, and only then. A `pg`
   * client in a transaction, the `sql` of a `postgres` transaction, or a transaction of Kysely, Drizzle, Knex or Prisma.
   * In process only. @throws transaction_unsupported where the store, or the way to it, cannot join it
   */
  readonly tx?: unknown
}

/** There is no transaction to join: the task has to be there before it can be waited for. */
export interface SubmitAndWaitOptions extends SubmitOptions {
  /** How long to wait for its end, from its submission on. Default: as long as it takes. */
  readonly waitSeconds?: number
  /** Ends the wait, not the task. */
  readonly signal?: AbortSignal
}

/** One task of a batch. */
export type Submission<Handlers extends TaskHandlers> = {
  [Type in TypeOf<Handlers>]: SubmitOptions & { readonly type: Type; readonly payload: PayloadOf<Handlers, Type> }
}[TypeOf<Handlers>]

export interface TaskFilterOptions {
  /** One, or any of several. */
  readonly status?: TaskStatus | readonly TaskStatus[]
  readonly type?: string
  readonly queue?: string
  readonly tag?: string
  /** Inclusive; a text is RFC 3339. */
  readonly createdAfter?: Date | string
  /** Exclusive; a text is RFC 3339. */
  readonly createdBefore?: Date | string
  /** The code of the last error: of the end, or of the attempt that another one is to follow. */
  readonly errorCode?: string
}

export interface MatchingOptions {
  /** Changes nothing, and counts what would be changed now. Default: false. */
  readonly dryRun?: boolean
  /** Told now and then, when there is much to do, how many tasks it has been so far. */
  readonly onProgress?: (matched: number) => void
}

export interface ListOptions extends TaskFilterOptions {
  /** 1–200, default 50. */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string
}

export interface WaitOptions {
  /** Default: as long as it takes. */
  readonly timeoutSeconds?: number
  readonly signal?: AbortSignal
}

export interface WatchOptions {
  /** Only events with a greater `n`. Default 0: all. */
  readonly after?: number
  readonly signal?: AbortSignal
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Only `null` ends the list: a page may hold fewer items than asked for, even none, while there is a cursor. */
  readonly nextCursor: string | null
}

/**
 * A Taskyard in one namespace, whether it runs in this process or behind a URL: code that takes this takes either. Calls reject with
 * `TaskyardError`. Payloads and results are JavaScript values here, so numbers are as exact as JavaScript's; the
 * HTTP API itself keeps every digit.
 */
export interface NamespaceApi<Handlers extends TaskHandlers = TaskHandlers> {
  readonly namespace: string
  /**
   * The same Taskyard in another namespace: what belongs to one does not exist in the other. It ends with the one that was opened.
   * @throws invalid_configuration
   */
  in(namespace: string): NamespaceApi<Handlers>

  /** Resolves when the task is durable. @throws invalid_request, invalid_payload, idempotency_conflict, queue_full, … */
  submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitOptions & TransactionOptions,
  ): Promise<TaskOf<Handlers, Type>>
  /** All or nothing, at most 1000; over HTTP at most 1 MiB. Resolves, in the same order, when all are durable. */
  submitMany(tasks: readonly Submission<Handlers>[], options?: TransactionOptions): Promise<readonly SubmittedTask[]>

  /**
   * Submits a task and resolves with its result. Under an `idempotencyKey` that was used before it is the result of the first task.
   * A signal that has aborted already rejects with its reason, and nothing is submitted.
   * @throws what `submit` and `result` throw
   */
  submitAndWait<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitAndWaitOptions,
  ): Promise<ResultOfTask<Handlers, Type>>

  /** @throws task_not_found */
  get(id: string): Promise<AnyTaskOf<Handlers>>
  /**
   * The task once it has ended, or as it is when the time is over or the signal aborts. Given the task that `submit`
   * answered, the result has its type; what `submitMany` answered for a task, or its id, will do too. @throws task_not_found
   */
  wait<Type extends TypeOf<Handlers>>(
    task: { readonly id: string; readonly type: Type },
    options?: WaitOptions,
  ): Promise<TaskOf<Handlers, Type>>
  wait(task: string | { readonly id: string }, options?: WaitOptions): Promise<AnyTaskOf<Handlers>>
  /**
   * The result of a task, once it has succeeded.
   * @throws TaskResultError when it failed, was cancelled, or has not ended when the time is over or the signal aborts; task_not_found
   */
  result<Type extends TypeOf<Handlers>>(
    task: { readonly id: string; readonly type: Type },
    options?: WaitOptions,
  ): Promise<ResultOfTask<Handlers, Type>>
  result(
    task: string | { readonly id: string },
    options?: WaitOptions,
  ): Promise<ResultOfTask<Handlers, TypeOf<Handlers>>>
  /** One page, newest first. */
  list(options?: ListOptions): Promise<Page<AnyTaskOf<Handlers>>>
  /** All pages, newest first, each fetched when the loop gets there. */
  listAll(options?: ListOptions): AsyncIterable<AnyTaskOf<Handlers>>
  /** Why a task does not run, as far as is known: what keeps it for good before what passes by itself. @throws task_not_found */
  waiting(id: string): Promise<TaskWaiting>
  /** A task's history up to now. @throws task_not_found */
  events(id: string): Promise<readonly TaskEventDocument[]>
  /** A task's events as they happen, until it has ended or the signal aborts. @throws task_not_found */
  watch(id: string, options?: WatchOptions): AsyncIterable<TaskEventDocument>

  /** @throws task_not_found, not_cancellable */
  cancel(id: string): Promise<AnyTaskOf<Handlers>>
  /** @throws task_not_found, not_retryable */
  retry(id: string): Promise<AnyTaskOf<Handlers>>
  /**
   * Cancels what matches and has not ended; at least one field. Resolves with how many it was; over HTTP, where an answer was lost
   * and the call repeated, those of that answer are not counted.
   */
  cancelMatching(filter: TaskFilterOptions, options?: MatchingOptions): Promise<number>
  /** Makes failed (or, by `status`, cancelled) tasks that match ready again. Resolves with how many it was. */
  retryMatching(filter: TaskFilterOptions, options?: MatchingOptions): Promise<number>
  /** Removes a task that has ended, with its history, for good. @throws task_not_found, not_deletable */
  delete(id: string): Promise<void>
  /**
   * Removes tasks that match and have ended, for good. Resolves with how many it was, as `cancelMatching` does.
   * @throws invalid_request for the status of one that has not ended
   */
  deleteMatching(filter: TaskFilterOptions, options?: MatchingOptions): Promise<number>

  queues(): Promise<readonly QueueDocument[]>
  /** @throws queue_not_found */
  queue(name: string): Promise<QueueDocument>
  /** A paused queue accepts tasks and gives none out. */
  pause(queue: string): Promise<void>
  resume(queue: string): Promise<void>
  /** The types that have defaults of their own, declared by workers or by `declareType`. */
  types(): Promise<readonly TaskTypeDocument[]>
  /**
   * Sets what submissions of a type get that do not say otherwise, in the place of what was declared before. Submissions by way of
   * this process or server see it at once, others within 5 s. @throws invalid_request, too_many_types
   */
  declareType(type: TypeOf<Handlers>, defaults: TypeDefaults): Promise<void>
  /** Takes away what was declared for a type, by whomever: from then on it is as every type. */
  clearType(type: TypeOf<Handlers>): Promise<void>
  workers(): Promise<readonly WorkerDocument[]>
  info(): Promise<InfoDocument>

  /** Runs handlers here. It needs not be all of `Handlers`. @throws invalid_configuration */
  work(handlers: HandlersOf<Handlers>, options?: WorkerOptions): Worker
}

/** A Taskyard that was opened here. */
export interface TaskyardApi<Handlers extends TaskHandlers = TaskHandlers>
  extends NamespaceApi<Handlers>,
    AsyncDisposable {
  /** Stops the workers started here, in whatever namespace, then closes. Idempotent. */
  close(): Promise<void>
}
