import type {
  AnyTaskOf,
  HandlersOf,
  InfoDocument,
  ListOptions,
  MatchingOptions,
  NamespaceApi,
  Page,
  QueueDocument,
  Submission,
  SubmitOptions,
  SubmittedTask,
  TaskEventDocument,
  TaskFilterOptions,
  TaskOf,
  TaskTypeDocument,
  TaskyardApi,
  TransactionOptions,
  TypeOf,
  WatchOptions,
  WorkerDocument,
} from '@taskyard/client'
import {
  ComposedCalls,
  checkedDeclaration,
  checkedId,
  checkedList,
  checkedMatching,
  checkedQueue,
  checkedSubmission,
  checkedSubmissions,
  checkedType,
  checkedWatch,
  everyPage,
  type TaskInterest,
  type TaskLooks,
} from '@taskyard/client/shared'
import {
  checkedNamespace,
  DEFAULTS,
  LIMITS,
  namespaceOption,
  type PayloadOf,
  type TaskHandlers,
  type TypeDefaults,
  toTaskDocument,
} from '@taskyard/core'
import type { UseCases } from '@taskyard/engine'
import { startWorker, type Worker, type WorkerOptions, withDefaults } from '@taskyard/worker'
import { toEventDocument, toSubmission, toWorkerDocument } from './engine-documents.ts'
import { inParts } from './in-parts.ts'
import { looksInStore } from './looks-in-store.ts'
import type { OpenOptions } from './open-options.ts'
import { closed, openShared, type Shared } from './open-shared.ts'
import { outlast } from './outlast.ts'
import type { EndEvent, TaskEndListener, TaskEnds } from './task-listeners.ts'

/**
 * Taskyard inside your own program: durable tasks, and workers beside the code that submits them. A SQLite file belongs
 * to one process; any number of processes, servers among them, may open the same PostgreSQL, Redis or MongoDB store.
 * `Taskyard.open<typeof handlers>(…)` knows the payloads and results of these handlers. It keeps the process alive until
 * `close()`.
 */
export class Taskyard<Handlers extends TaskHandlers = TaskHandlers>
  extends ComposedCalls<Handlers>
  implements TaskyardApi<Handlers>, TaskEnds<Handlers>
{
  readonly #shared: Shared
  readonly #useCases: UseCases
  /** Not one that `in()` has given, which ends with the one that was opened. */
  readonly #isOpened: boolean
  protected readonly looks: TaskLooks

  /**
   * @throws TaskyardError invalid_configuration, store_locked, store_corrupt, store_too_new, store_read_only,
   * store_unavailable, unsafe_durability, …
   */
  static async open<Handlers extends TaskHandlers = TaskHandlers>(options: OpenOptions): Promise<Taskyard<Handlers>> {
    return new Taskyard<Handlers>(await openShared(options), namespaceOption(options) ?? DEFAULTS.namespace, true)
  }

  private constructor(shared: Shared, namespace: string, isOpened: boolean) {
    super()
    this.#shared = shared
    this.#isOpened = isOpened
    this.#useCases = shared.assembly.engine.in(namespace)
    this.looks = looksInStore(shared, () => this.#calls)
  }

  get namespace(): string {
    return this.#useCases.namespace
  }

  /** @throws TaskyardError closed */
  readonly #assertOpen = (): void => {
    if (this.#shared.closing !== null) throw closed()
  }

  /** @throws TaskyardError closed */
  get #calls(): UseCases {
    if (this.#shared.isClosed) throw closed()
    return this.#useCases
  }

  /** @throws TaskyardError invalid_configuration */
  in(namespace: string): NamespaceApi<Handlers> & TaskEnds<Handlers> {
    return new Taskyard<Handlers>(this.#shared, checkedNamespace(namespace), false)
  }

  async submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options: SubmitOptions & TransactionOptions = {},
  ): Promise<TaskOf<Handlers, Type>> {
    const submission = checkedSubmission(type, payload, options)
    const { task } = await this.#calls.submit(toSubmission(submission), { tx: submission.tx })
    return toTaskDocument(task) as TaskOf<Handlers, Type>
  }

  async submitMany(
    tasks: readonly Submission<Handlers>[],
    options: TransactionOptions = {},
  ): Promise<readonly SubmittedTask[]> {
    const submissions = checkedSubmissions(tasks, options).map(toSubmission)
    const submitted = await this.#calls.submitMany(submissions, { tx: options.tx })
    return submitted.map(({ id, status, replayed }) => (replayed ? { id, status, replayed } : { id, status }))
  }

  async get(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.get(checkedId(id, 'get'))) as AnyTaskOf<Handlers>
  }

  async list(options?: ListOptions): Promise<Page<AnyTaskOf<Handlers>>> {
    const { items, nextCursor } = await this.#calls.list(checkedList(options))
    return { items: items.map((task) => toTaskDocument(task) as AnyTaskOf<Handlers>), nextCursor }
  }

  async *watch(id: string, options?: WatchOptions): AsyncGenerator<TaskEventDocument> {
    checkedId(id, 'watch')
    const { after = 0, signal = new AbortController().signal } = checkedWatch(options)
    let last = after
    for (;;) {
      try {
        for await (const event of this.#calls.watch(id, last, signal)) {
          last = event.n
          yield toEventDocument(event)
        }
        return
      } catch (error) {
        if (signal.aborted) return
        await outlast(error, this.#shared, signal)
      }
      this.#assertOpen()
    }
  }

  async cancel(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.cancel(checkedId(id, 'cancel'))) as AnyTaskOf<Handlers>
  }

  async retry(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.retry(checkedId(id, 'retry'))) as AnyTaskOf<Handlers>
  }

  async cancelMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    const wanted = checkedMatching(filter, options)
    return inParts((part) => this.#calls.cancelMatching(wanted, part), this.#assertOpen, options)
  }

  async retryMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    const wanted = checkedMatching(filter, options)
    return inParts((part) => this.#calls.retryMatching(wanted, part), this.#assertOpen, options)
  }

  async delete(id: string): Promise<void> {
    return this.#calls.delete(checkedId(id, 'delete'))
  }

  async deleteMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    const wanted = checkedMatching(filter, options)
    return inParts((part) => this.#calls.deleteMatching(wanted, part), this.#assertOpen, options)
  }

  async queues(): Promise<readonly QueueDocument[]> {
    return this.#calls.queues()
  }

  async queue(name: string): Promise<QueueDocument> {
    return this.#calls.queue(checkedQueue(name))
  }

  async pause(queue: string): Promise<void> {
    return this.#calls.pause(checkedQueue(queue))
  }

  async resume(queue: string): Promise<void> {
    return this.#calls.resume(checkedQueue(queue))
  }

  async types(): Promise<readonly TaskTypeDocument[]> {
    return (await this.#calls.types()).map(({ type, defaults }) => ({ type, ...defaults }))
  }

  async declareType(type: TypeOf<Handlers>, defaults: TypeDefaults): Promise<void> {
    return this.#calls.declareTypes([checkedDeclaration(type, defaults)])
  }

  async clearType(type: TypeOf<Handlers>): Promise<void> {
    return this.#calls.declareTypes([{ type: checkedType(type), defaults: null }])
  }

  async workers(): Promise<readonly WorkerDocument[]> {
    return everyPage(async (cursor) => {
      const { workers, nextCursor } = await this.#calls.workers({ limit: LIMITS.listPage, cursor })
      return { items: workers.map(toWorkerDocument), nextCursor }
    })
  }

  async info(): Promise<InfoDocument> {
    if (this.#shared.isClosed) throw closed()
    return {
      name: 'taskyard',
      nodeId: this.#shared.assembly.engine.nodeId,
      limits: LIMITS,
      ...this.#shared.assembly.info,
    }
  }

  on<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>, interest?: TaskInterest): this {
    this.#shared.listeners.add(this.#calls, event, listener, interest)
    return this
  }

  off<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>): this {
    this.#shared.listeners.remove({ namespace: this.namespace, event, listener })
    return this
  }

  work(handlers: HandlersOf<Handlers>, options: WorkerOptions = {}): Worker {
    this.#assertOpen()
    const defaults = { clock: this.#shared.clock, random: this.#shared.random, onError: this.#shared.onError }
    const api = this.#shared.assembly.workerApi(this.#calls.namespace)
    const wanted = withDefaults(options, defaults)
    const { namespace } = this.#calls
    return this.#shared.workers.start({ namespace, workerId: wanted?.workerId }, () =>
      startWorker(api, handlers as TaskHandlers, wanted),
    )
  }

  async close(): Promise<void> {
    if (!this.#isOpened) return
    this.#shared.closing ??= this.#close()
    return this.#shared.closing
  }

  async #close(): Promise<void> {
    this.#shared.closed.abort(closed())
    await this.#shared.workers.stop()
    this.#shared.isClosed = true
    await this.#shared.assembly.close()
    this.#shared.letProcessEnd()
  }
}
