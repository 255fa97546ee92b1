import { isTerminal, type PayloadOf, type TaskDocument, type TaskHandlers, type TaskWaiting } from '@taskyard/core'
import { checkedId, checkedSubmitAndWait, checkedWait, waitedFor } from './checked-options.ts'
import type { TaskEventDocument } from './documents.ts'
import { timeoutSignal } from './runtime.ts'
import type { TaskLooks } from './task-looks.ts'
import { TaskResultError } from './task-result.ts'
import type {
  AnyTaskOf,
  ListOptions,
  Page,
  ResultOfTask,
  SubmitAndWaitOptions,
  SubmitOptions,
  TaskOf,
  TypeOf,
  WaitOptions,
} from './taskyard-api.ts'
import { waitForEnd } from './wait-for-end.ts'

/** An error says why a task has not ended, if that is known so soon. */
const REASONS_MS = 1000

/** What is made of other calls, alike in a program that opens a store and in a client. */
export abstract class ComposedCalls<Handlers extends TaskHandlers> implements AsyncDisposable {
  protected abstract readonly looks: TaskLooks
  abstract submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitOptions,
  ): Promise<TaskOf<Handlers, Type>>
  abstract list(options?: ListOptions): Promise<Page<AnyTaskOf<Handlers>>>
  abstract close(): Promise<void>

  async submitAndWait<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitAndWaitOptions,
  ): Promise<ResultOfTask<Handlers, Type>> {
    const { submit, wait } = checkedSubmitAndWait(options)
    const task: TaskDocument = await this.submit(type, payload, submit)
    const ended = await waitForEnd(this.looks, task, wait, task).catch((cause) => {
      // Whatever it was: who submitted has to know which task it is.
      throw new TaskResultError(task, { cause })
    })
    return (await this.#resultOf(ended, wait.signal)) as ResultOfTask<Handlers, Type>
  }

  wait<Type extends TypeOf<Handlers>>(
    task: { readonly id: string; readonly type: Type },
    options?: WaitOptions,
  ): Promise<TaskOf<Handlers, Type>>
  wait(task: string | { readonly id: string }, options?: WaitOptions): Promise<AnyTaskOf<Handlers>>
  async wait(task: string | { readonly id: string }, options?: WaitOptions): Promise<TaskDocument> {
    return waitForEnd(this.looks, waitedFor(task, 'wait'), checkedWait(options))
  }

  result<Type extends TypeOf<Handlers>>(
    task: { readonly id: string; readonly type: Type },
    options?: WaitOptions,
  ): Promise<ResultOfTask<Handlers, Type>>
  result(
    task: string | { readonly id: string },
    options?: WaitOptions,
  ): Promise<ResultOfTask<Handlers, TypeOf<Handlers>>>
  async result(task: string | { readonly id: string }, options?: WaitOptions): Promise<unknown> {
    const ended = await waitForEnd(this.looks, waitedFor(task, 'result'), checkedWait(options))
    return this.#resultOf(ended, options?.signal)
  }

  /** @param signal what may have ended the wait */
  async #resultOf(task: TaskDocument, signal: AbortSignal | undefined): Promise<unknown> {
    if (task.status === 'succeeded') return task.result
    const waiting = isTerminal(task.status) ? [] : await this.#reasonsAtOnce(task.id)
    throw new TaskResultError(task, { waiting, ...(signal?.aborted ? { cause: signal.reason } : {}) })
  }

  async #reasonsAtOnce(id: string): Promise<TaskWaiting['reasons']> {
    const late = timeoutSignal(REASONS_MS)
    const none = new Promise<[]>((resolve) => late.addEventListener('abort', () => resolve([])))
    const known = this.looks.waiting(id, late).then(({ reasons }) => reasons)
    return Promise.race([known.catch(() => []), none])
  }

  async waiting(id: string): Promise<TaskWaiting> {
    return this.looks.waiting(checkedId(id, 'waiting'))
  }

  async events(id: string): Promise<readonly TaskEventDocument[]> {
    checkedId(id, 'events')
    const all: TaskEventDocument[] = []
    for (;;) {
      const events = await this.looks.events(id, all.at(-1)?.n ?? 0)
      if (events.length === 0) return all
      all.push(...events)
    }
  }

  async *listAll(options: ListOptions = {}): AsyncGenerator<AnyTaskOf<Handlers>> {
    let page = await this.list(options)
    yield* page.items
    while (page.nextCursor !== null) {
      page = await this.list({ ...options, cursor: page.nextCursor })
      yield* page.items
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
