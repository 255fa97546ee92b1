import { mapHandlers, TaskFailure, type TaskHandler, type TaskHandlers, withoutFolders } from '@taskyard/core'

/**
 * For the built-in types: whoever reads a task's error has no use for the files of this server. What a type says of a failure is in
 * its message; of an error that nobody foresaw the stack stays, without its folders.
 */
export function withoutServerPaths(handlers: TaskHandlers): TaskHandlers {
  return mapHandlers(handlers, (_type, run): TaskHandler => {
    return (task, context) => {
      try {
        const value: unknown = run(task, context)
        return value instanceof Promise ? value.catch(throwShown) : value
      } catch (error) {
        return throwShown(error)
      }
    }
  })
}

function throwShown(error: unknown): never {
  throw error instanceof TaskFailure ? withoutStack(error) : withShortStacks(error)
}

function withoutStack({ message, code, retryable, retryDelaySeconds }: TaskFailure): TaskFailure {
  const wait = retryDelaySeconds === null ? {} : { retryDelaySeconds }
  return Object.assign(new TaskFailure(message, { code, retryable, ...wait }), { stack: '' })
}

/** Causes too, which may go round in a circle. */
function withShortStacks(thrown: unknown): unknown {
  const seen = new Set<unknown>()
  for (let error = thrown; error instanceof Error && !seen.has(error); error = error.cause) {
    seen.add(error)
    if (error.stack !== undefined) error.stack = withoutFolders(error.stack)
  }
  return thrown
}
