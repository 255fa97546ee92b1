import {
  type Clock,
  DEFAULTS,
  type PayloadOf,
  type TaskHandlers,
  TaskyardError,
  type TypeDefaults,
} from '@taskyard/core'
import {
  guarded,
  rateLimited,
  startWorker,
  type Worker,
  type WorkerOptions,
  warnOnConsole,
  withDefaults,
} from '@taskyard/worker'
import { allWorkers } from './all-workers.ts'
import { openBackup } from './backup.ts'
import { callMatching } from './call-matching.ts'
import {
  checkedDeclaration,
  checkedId,
  checkedList,
  checkedQueue,
  checkedType,
  checkedWatch,
} from './checked-options.ts'
import { checkedSubmission, checkedSubmissions } from './checked-submission.ts'
import { type ClientOptions, transportParams } from './client-options.ts'
import { ComposedCalls } from './composed-calls.ts'
import type { InfoDocument, QueueDocument, TaskEventDocument, TaskTypeDocument, WorkerDocument } from './documents.ts'
import { type Expected, isBoolean, isList, isObject, isText, TASK } from './expected-answer.ts'
import { createHttpWorkerApi } from './http-worker-api.ts'
import { looksOver, taskPath } from './looks-over-http.ts'
import { troubleReport } from './report-trouble.ts'
import { bodyOf, filterBody } from './request-documents.ts'
import { RunningWorkers } from './running-workers.ts'
import { newIdempotencyKey } from './runtime.ts'
import { NAMESPACE_HEADER } from './server-address.ts'
import { StuckTasks } from './stuck-tasks.ts'
import type { TaskLooks } from './task-looks.ts'
import type {
  AnyTaskOf,
  HandlersOf,
  ListOptions,
  MatchingOptions,
  NamespaceApi,
  Page,
  Submission,
  SubmitOptions,
  SubmittedTask,
  TaskFilterOptions,
  TaskOf,
  TaskyardApi,
  TransactionOptions,
  TypeOf,
  WatchOptions,
} from './taskyard-api.ts'
import { Transport, type TransportCall, withQuery } from './transport.ts'
import { TYPE, TYPES, TYPES_PATH, typePath } from './type-routes.ts'
import { watchEvents } from './watch-events.ts'

const PAGE: Expected = { items: isList, nextCursor: (value) => isText(value) || value === null }
const QUEUE: Expected = { queue: isText, counts: isObject }
const PAUSED: Expected = { queue: isText, paused: isBoolean }
const INFO: Expected = { nodeId: isText, version: isText }

/**
 * Taskyard over HTTP. `new Client<typeof handlers>({ url })` knows the payloads and results of these handlers.
 *
 * A call that finds no server, or one that cannot serve now, is repeated for `retrySeconds`. `submit` carries an
 * idempotency key of its own (`auto-…`) when it is given none, so that a repeated one adds nothing. `submitMany` is
 * repeated when every task has a key. `cancel`, `retry` and `delete` are not repeated once the request may have arrived.
 */
export class Client<Handlers extends TaskHandlers = TaskHandlers>
  extends ComposedCalls<Handlers>
  implements TaskyardApi<Handlers>
{
  readonly #options: ClientOptions
  #transport: Transport
  /** What is one for all namespaces: `in()` of a client may be called for each request. */
  #shared: Shared
  /** Not one that `in()` has given, which ends with the one that was opened. */
  #isOpened = true

  /** @throws TaskyardError `invalid_configuration` */
  constructor(options: ClientOptions) {
    super()
    const params = transportParams(options)
    this.#options = options
    this.#shared = sharedBy(options, params.clock)
    this.#transport = new Transport({ ...params, closed: this.#shared.closing.signal })
  }

  protected get looks(): TaskLooks {
    return looksOver(this.#transport, this.#shared.stuckTasks)
  }

  get namespace(): string {
    return this.#transport.params.address.headers[NAMESPACE_HEADER] ?? DEFAULTS.namespace
  }

  /** @throws TaskyardError `invalid_configuration` */
  in(namespace: string): NamespaceApi<Handlers> {
    const other = new Client<Handlers>({ ...this.#options, namespace })
    other.#isOpened = false
    other.#shared = this.#shared
    other.#transport = new Transport({ ...other.#transport.params, closed: this.#shared.closing.signal })
    return other
  }

  async submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitOptions & TransactionOptions,
  ): Promise<TaskOf<Handlers, Type>> {
    const submission = checkedSubmission(type, payload, options)
    refuseTransaction(submission.tx)
    const { idempotencyKey = newIdempotencyKey(), ...body } = bodyOf(submission, payload)
    const headers = { 'idempotency-key': idempotencyKey }
    return this.#post('', body, { headers, repeatable: true, expected: TASK })
  }

  async submitMany(
    tasks: readonly Submission<Handlers>[],
    options?: TransactionOptions,
  ): Promise<readonly SubmittedTask[]> {
    const submissions = checkedSubmissions(tasks, options)
    refuseTransaction(options?.tx)
    const body = { tasks: submissions.map((submission, i) => bodyOf(submission, tasks[i]?.payload)) }
    const repeatable = body.tasks.every(({ idempotencyKey }) => idempotencyKey !== undefined)
    return (
      await this.#post<{ tasks: SubmittedTask[] }>('/batch', body, {
        repeatable,
        expected: { tasks: isList },
      })
    ).tasks
  }

  async get(id: string): Promise<AnyTaskOf<Handlers>> {
    return this.#transport.get(taskPath(checkedId(id, 'get')), TASK)
  }

  async list(options?: ListOptions): Promise<Page<AnyTaskOf<Handlers>>> {
    return this.#transport.get(withQuery('/api/v1/tasks', filterBody(checkedList(options))), PAGE)
  }

  async *watch(id: string, options?: WatchOptions): AsyncGenerator<TaskEventDocument> {
    yield* watchEvents(this.#transport, checkedId(id, 'watch'), checkedWatch(options))
  }

  async cancel(id: string): Promise<AnyTaskOf<Handlers>> {
    const path = `${taskPath(checkedId(id, 'cancel'))}/cancel`
    return this.#transport.call({ method: 'POST', path, expected: TASK })
  }

  async retry(id: string): Promise<AnyTaskOf<Handlers>> {
    const path = `${taskPath(checkedId(id, 'retry'))}/retry`
    return this.#transport.call({ method: 'POST', path, expected: TASK })
  }

  async cancelMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    return callMatching(this.#transport, { action: 'cancel', repeatable: true }, filter, options)
  }

  async retryMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    return callMatching(this.#transport, { action: 'retry', repeatable: false }, filter, options)
  }

  async delete(id: string): Promise<void> {
    await this.#transport.call({ method: 'DELETE', path: taskPath(checkedId(id, 'delete')), expected: null })
  }

  async deleteMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    return callMatching(this.#transport, { action: 'delete', repeatable: true }, filter, options)
  }

  async queues(): Promise<readonly QueueDocument[]> {
    return (await this.#transport.get<{ queues: QueueDocument[] }>('/api/v1/queues', { queues: isList })).queues
  }

  async queue(name: string): Promise<QueueDocument> {
    return this.#transport.get(queuePath(name), QUEUE)
  }

  pause(queue: string): Promise<void> {
    return this.#steer(queue, 'pause')
  }

  resume(queue: string): Promise<void> {
    return this.#steer(queue, 'resume')
  }

  async #steer(queue: string, step: 'pause' | 'resume'): Promise<void> {
    const path = `${queuePath(queue)}/${step}`
    await this.#transport.call({ method: 'POST', path, repeatable: true, expected: PAUSED })
  }

  async types(): Promise<readonly TaskTypeDocument[]> {
    return (await this.#transport.get<{ types: TaskTypeDocument[] }>(TYPES_PATH, TYPES)).types
  }

  async declareType(type: TypeOf<Handlers>, defaults: TypeDefaults): Promise<void> {
    const { type: name, defaults: body } = checkedDeclaration(type, defaults)
    await this.#transport.call({ method: 'PUT', path: typePath(name), body, repeatable: true, expected: TYPE })
  }

  async clearType(type: TypeOf<Handlers>): Promise<void> {
    await this.#transport.call({
      method: 'DELETE',
      path: typePath(checkedType(type)),
      repeatable: true,
      expected: null,
    })
  }

  workers(): Promise<readonly WorkerDocument[]> {
    return allWorkers(this.#transport)
  }

  info(): Promise<InfoDocument> {
    return this.#transport.get('/api/v1/info', INFO)
  }

  /**
   * A copy of the whole SQLite store of the server, of all namespaces: a SQLite database. The stream fails when it breaks off.
   * @throws TaskyardError backup_unsupported, backup_under_way, …
   */
  backup(): Promise<ReadableStream<Uint8Array>> {
    return openBackup(this.#transport.params)
  }

  work(handlers: HandlersOf<Handlers>, options: WorkerOptions = {}): Worker {
    const { closing, workers } = this.#shared
    closing.signal.throwIfAborted()
    const { address, clock, random } = this.#transport.params
    const wanted = withDefaults(options, { clock, random })
    const onError = wanted.onError ?? this.#options.onError
    const report = onError === undefined ? rateLimited(warnOnConsole, clock) : guarded(onError)
    const api = createHttpWorkerApi({ address, clock, random, report })
    const { namespace } = this
    return workers.start({ namespace, workerId: wanted?.workerId }, () =>
      startWorker(api, handlers as TaskHandlers, { onError: report, ...wanted }),
    )
  }

  async close(): Promise<void> {
    if (!this.#isOpened) return
    const { closing, workers } = this.#shared
    await workers.stop()
    closing.abort(new TaskyardError('closed', { what: 'Client' }))
  }

  #post<Answer>(
    path: string,
    body: unknown,
    options: Pick<TransportCall, 'headers' | 'repeatable' | 'expected'>,
  ): Promise<Answer> {
    return this.#transport.call({ method: 'POST', path: `/api/v1/tasks${path}`, body, ...options })
  }
}

interface Shared {
  readonly closing: AbortController
  readonly workers: RunningWorkers
  readonly stuckTasks: StuckTasks
}

function sharedBy({ onError }: ClientOptions, clock: Clock): Shared {
  const stuckTasks = new StuckTasks(troubleReport(onError, clock))
  return { closing: new AbortController(), workers: new RunningWorkers(), stuckTasks }
}

function refuseTransaction(tx: unknown): void {
  if (tx === undefined) return
  const reason = 'a transaction cannot travel over HTTP; open the same PostgreSQL store with Taskyard.open instead'
  throw new TaskyardError('transaction_unsupported', { reason })
}

function queuePath(queue: string): string {
  return `/api/v1/queues/${checkedQueue(queue)}`
}
