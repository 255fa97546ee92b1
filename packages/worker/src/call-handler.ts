import type { TaskHandler, TaskOutcome } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import type { HandlerContext } from './handler-context.ts'
import { outcomeOfError, outcomeOfResult } from './outcome.ts'

type OnEnd = (attempt: Attempt, outcome: TaskOutcome) => void

/** Calls the handler of an attempt; tells `onEnd` before it returns when the handler gave no promise, else `onEndLater`. */
export function callHandler(attempt: Attempt, context: HandlerContext, onEnd: OnEnd, onEndLater: OnEnd): void {
  let value: unknown
  let isPending: boolean
  try {
    value = attempt.handler(attempt.task, context)
    isPending = isThenable(value)
  } catch (error) {
    return onEnd(attempt, outcomeOfError(attempt, error))
  }
  if (!isPending) return onEnd(attempt, outcomeOfResult(attempt, value))
  Promise.resolve(value).then(
    (result) => onEndLater(attempt, outcomeOfResult(attempt, result)),
    (error) => onEndLater(attempt, outcomeOfError(attempt, error)),
  )
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function'
}

/** Only a server that ignores the claim's types sends one of these; the wait until the next attempt is the backoff's. */
export const noHandler: TaskHandler = (task) => {
  throw Object.assign(new Error(`this worker has no handler for "${task.type}"`), { code: 'no_handler' })
}
