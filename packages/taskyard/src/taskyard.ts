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
  TaskEventDocument,
  TaskFilterOptions,
  TaskOf,
  TaskyardApi,
  TransactionOptions,
  TypeOf,
  WaitOptions,
  WatchOptions,
  WorkerDocument,
} from '@taskyard/client'
import {
  assertTaskList,
  checkedNamespace,
  DEFAULTS,
  isTerminal,
  LIMITS,
  namespaceOption,
  type PayloadOf,
  type TaskDocument,
  type TaskHandlers,
  type TaskStatus,
  TaskyardError,
  taskIdOf,
  toTaskDocument,
} from '@taskyard/core'
import type { BulkPart, BulkPartOptions, UseCases } from '@taskyard/engine'
import { pause, startWorker, type Worker, type WorkerOptions } from '@taskyard/worker'
import { endOf, toEventDocument, toFilter, toListRequest, toSubmission, toWorkerDocument } from './engine-documents.ts'
import type { OpenOptions } from './open-options.ts'
import { openShared, type Shared } from './open-shared.ts'

/** A wait or a watch looks again after so long when the store was away. */
const STORE_AWAY_MS = 500
/** An operation by filter tells this often how far it is. */
const PART_SECONDS = 2

/**
 * Taskyard inside your own program: durable tasks, and workers beside the code that submits them. A SQLite file belongs
 * to one process; any number of processes, servers among them, may open the same PostgreSQL, Redis or MongoDB store.
 * `Taskyard.open<typeof handlers>(…)` knows the payloads and results of these handlers. It keeps the process alive until
 * `close()`.
 */
export class Taskyard<Handlers extends TaskHandlers = TaskHandlers> implements TaskyardApi<Handlers> {
  readonly #shared: Shared
  readonly #calls: UseCases
  /** Not one that `in()` has given, which ends with the one that was opened. */
  readonly #isOpened: boolean

  /**
   * @throws TaskyardError invalid_configuration, store_locked, store_corrupt, store_too_new, store_read_only,
   * store_unavailable, unsafe_durability, …
   */
  static async open<Handlers extends TaskHandlers = TaskHandlers>(options: OpenOptions): Promise<Taskyard<Handlers>> {
    return new Taskyard<Handlers>(await openShared(options), namespaceOption(options) ?? DEFAULTS.namespace, true)
  }

  private constructor(shared: Shared, namespace: string, isOpened: boolean) {
    this.#shared = shared
    this.#isOpened = isOpened
    this.#calls = shared.assembly.engine.in(namespace)
  }

  get namespace(): string {
    return this.#calls.namespace
  }

  /** @throws TaskyardError invalid_configuration */
  in(namespace: string): NamespaceApi<Handlers> {
    return new Taskyard<Handlers>(this.#shared, checkedNamespace(namespace), false)
  }

  async submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    { tx, ...options }: SubmitOptions & TransactionOptions = {},
  ): Promise<TaskOf<Handlers, Type>> {
    const { task } = await this.#calls.submit(toSubmission(type, payload, options), { tx })
    return toTaskDocument(task) as TaskOf<Handlers, Type>
  }

  async submitMany(
    tasks: readonly Submission<Handlers>[],
    { tx }: TransactionOptions = {},
  ): Promise<readonly { readonly id: string; readonly status: TaskStatus }[]> {
    assertTaskList(tasks)
    const submissions = tasks.map(({ type, payload, ...options }) =>
      toSubmission(type, payload, options as SubmitOptions),
    )
    const submitted = await this.#calls.submitMany(submissions, { tx })
    return submitted.map(({ id, status }) => ({ id, status }))
  }

  async get(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.get(id)) as AnyTaskOf<Handlers>
  }

  wait<Type extends TypeOf<Handlers>>(
    task: { readonly id: string; readonly type: Type },
    options?: WaitOptions,
  ): Promise<TaskOf<Handlers, Type>>
  wait(task: string | { readonly id: string }, options?: WaitOptions): Promise<AnyTaskOf<Handlers>>
  async wait(task: string | { readonly id: string }, options: WaitOptions = {}): Promise<TaskDocument> {
    const id = taskIdOf(task)
    const endAt = endOf(options, this.#shared.clock.now())
    const isOver = () => options.signal?.aborted || this.#shared.clock.now() >= endAt
    for (;;) {
      const waitSeconds = Math.max(0, Math.min(LIMITS.waitSeconds, (endAt - this.#shared.clock.now()) / 1000))
      try {
        const seen = await this.#calls.wait(id, waitSeconds, options.signal)
        if (isTerminal(seen.status) || isOver()) return toTaskDocument(seen)
      } catch (error) {
        if (isOver()) throw error
        await this.#outlast(error, options.signal)
      }
      if (this.#shared.closing !== null) throw new TaskyardError('shutting_down')
    }
  }

  async list(options: ListOptions = {}): Promise<Page<AnyTaskOf<Handlers>>> {
    const { items, nextCursor } = await this.#calls.list(toListRequest(options))
    return { items: items.map((task) => toTaskDocument(task) as AnyTaskOf<Handlers>), nextCursor }
  }

  async *listAll(options: ListOptions = {}): AsyncGenerator<AnyTaskOf<Handlers>> {
    let cursor: string | null = options.cursor ?? null
    do {
      const page: Page<AnyTaskOf<Handlers>> = await this.list(cursor === null ? options : { ...options, cursor })
      yield* page.items
      cursor = page.nextCursor
    } while (cursor !== null)
  }

  async events(id: string): Promise<readonly TaskEventDocument[]> {
    const all: TaskEventDocument[] = []
    for (;;) {
      const events = await this.#calls.history(id, all.at(-1)?.n)
      if (events.length === 0) return all
      all.push(...events.map(toEventDocument))
    }
  }

  async *watch(id: string, options: WatchOptions = {}): AsyncGenerator<TaskEventDocument> {
    const signal = options.signal ?? new AbortController().signal
    let last = options.after ?? 0
    for (;;) {
      try {
        for await (const event of this.#calls.watch(id, last, signal)) {
          last = event.n
          yield toEventDocument(event)
        }
        return
      } catch (error) {
        if (signal.aborted) return
        await this.#outlast(error, signal)
      }
      if (this.#shared.closing !== null) throw new TaskyardError('shutting_down')
    }
  }

  async cancel(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.cancel(id)) as AnyTaskOf<Handlers>
  }

  async retry(id: string): Promise<AnyTaskOf<Handlers>> {
    return toTaskDocument(await this.#calls.retry(id)) as AnyTaskOf<Handlers>
  }

  async cancelMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    const wanted = toFilter(filter)
    return this.#inParts((part) => this.#calls.cancelMatching(wanted, part), options)
  }

  async retryMatching(filter: TaskFilterOptions, options: MatchingOptions = {}): Promise<number> {
    const wanted = toFilter(filter)
    return this.#inParts((part) => this.#calls.retryMatching(wanted, part), options)
  }

  async #inParts(
    work: (options: BulkPartOptions) => Promise<BulkPart>,
    { dryRun = false, onProgress }: MatchingOptions,
  ): Promise<number> {
    let matched = 0
    for (let cursor: string | null = null; ; ) {
      const part: BulkPart = await work({ dryRun, seconds: PART_SECONDS, ...(cursor === null ? {} : { cursor }) })
      matched += part.matched
      cursor = part.cursor
      if (cursor === null) return matched
      if (this.#shared.closing !== null) throw new TaskyardError('shutting_down')
      onProgress?.(matched)
    }
  }

  queues(): Promise<readonly QueueDocument[]> {
    return this.#calls.queues()
  }

  queue(name: string): Promise<QueueDocument> {
    return this.#calls.queue(name)
  }

  pause(queue: string): Promise<void> {
    return this.#calls.pause(queue)
  }

  resume(queue: string): Promise<void> {
    return this.#calls.resume(queue)
  }

  async workers(): Promise<readonly WorkerDocument[]> {
    return (await this.#calls.workers()).map(toWorkerDocument)
  }

  async info(): Promise<InfoDocument> {
    return {
      name: 'taskyard',
      nodeId: this.#shared.assembly.engine.nodeId,
      limits: LIMITS,
      ...this.#shared.assembly.info,
    }
  }

  work(handlers: HandlersOf<Handlers>, options: WorkerOptions = {}): Worker {
    if (this.#shared.closing !== null) throw new TaskyardError('shutting_down')
    const defaults = { clock: this.#shared.clock, random: this.#shared.random, onError: this.#shared.onError }
    const worker = startWorker(this.#shared.assembly.workerApi(this.#calls.namespace), handlers as TaskHandlers, {
      ...defaults,
      ...options,
    })
    this.#shared.workers.add(worker)
    void worker.closed.then(() => this.#shared.workers.delete(worker))
    return worker
  }

  /** Lets a moment pass when the store is away; any other error is the caller's. */
  async #outlast(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const isStoreAway = error instanceof TaskyardError && error.code === 'store_unavailable'
    if (!isStoreAway || this.#shared.closing !== null) throw error
    const closed = this.#shared.closed.signal
    await pause(this.#shared.clock, STORE_AWAY_MS, signal === undefined ? closed : AbortSignal.any([signal, closed]))
  }

  async close(): Promise<void> {
    if (!this.#isOpened) return
    this.#shared.closing ??= this.#close()
    return this.#shared.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#shared.closed.abort()
    await Promise.all([...this.#shared.workers].map((worker) => worker.stop()))
    await this.#shared.assembly.close()
    this.#shared.letProcessEnd()
  }
}
