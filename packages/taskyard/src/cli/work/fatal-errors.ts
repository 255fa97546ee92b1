import { AsyncLocalStorage } from 'node:async_hooks'
import { type LeasedTaskDocument, mapHandlers, type TaskHandler, type TaskHandlers } from '@taskyard/core'

interface RunningTask {
  readonly task: LeasedTaskDocument
  /** Ends the handler with an error. */
  fail(error: unknown): void
}

/** An error that nobody handles; `task` is the one whose code it came from, as far as that can be told. */
export interface FatalError {
  readonly error: unknown
  readonly task: LeasedTaskDocument | null
}

/**
 * Errors that would end the process with a bare stack: a promise that nobody awaits, a callback that throws. The task
 * whose handler left them behind fails with them, and is named.
 */
export class FatalErrors {
  readonly #running = new AsyncLocalStorage<RunningTask>()
  readonly #tasks = new Set<LeasedTaskDocument>()

  /** The same handlers, known by what they leave behind. */
  watching(handlers: TaskHandlers): TaskHandlers {
    return mapHandlers(handlers, (_, run) => this.#watched(run))
  }

  /** Calls `listener` with each, instead of the process's end. The returned function stops it. */
  listen(listener: (fatal: FatalError) => void): () => void {
    const hear = (error: unknown) => {
      const running = this.#running.getStore()
      running?.fail(error)
      listener({ error, task: running?.task ?? null })
    }
    process.on('unhandledRejection', hear).on('uncaughtException', hear)
    return () => process.off('unhandledRejection', hear).off('uncaughtException', hear)
  }

  /** Calls `listener` with the tasks that run when the process ends, as by `process.exit` in a handler. The returned function stops it. */
  listenForExit(listener: (tasks: readonly LeasedTaskDocument[]) => void): () => void {
    const hear = () => {
      if (this.#tasks.size > 0) listener([...this.#tasks])
    }
    process.once('exit', hear)
    return () => process.off('exit', hear)
  }

  #watched(handler: TaskHandler): TaskHandler {
    return (task, context) => {
      const { promise: failed, reject: fail } = Promise.withResolvers<never>()
      const run = async () => handler(task, context)
      this.#tasks.add(task)
      const ended = this.#running.run({ task, fail }, () => Promise.race([run(), failed]))
      return ended.finally(() => this.#tasks.delete(task))
    }
  }
}
