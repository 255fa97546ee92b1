import type { PayloadOf, TaskDocument, TaskHandlers } from '@taskyard/core'
import { checkedSubmitAndWait, taskIdOf } from './checked-options.ts'
import { resultOf } from './task-result.ts'
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

/** What is made of other calls, alike in a program that opens a store and in a client. */
export abstract class ComposedCalls<Handlers extends TaskHandlers> implements AsyncDisposable {
  abstract submit<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitOptions,
  ): Promise<TaskOf<Handlers, Type>>
  abstract wait(task: string | { readonly id: string }, options?: WaitOptions): Promise<TaskDocument>
  abstract list(options?: ListOptions): Promise<Page<AnyTaskOf<Handlers>>>
  abstract close(): Promise<void>

  async submitAndWait<Type extends TypeOf<Handlers>>(
    type: Type,
    payload: PayloadOf<Handlers, Type>,
    options?: SubmitAndWaitOptions,
  ): Promise<ResultOfTask<Handlers, Type>> {
    const { submit, wait } = checkedSubmitAndWait(options)
    const { id } = await this.submit(type, payload, submit)
    return resultOf(await this.wait(id, wait), wait.signal) as ResultOfTask<Handlers, Type>
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
    return resultOf(await this.wait(taskIdOf(task, 'result'), options), options?.signal)
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
