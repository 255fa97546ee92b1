import type { TaskDocument, TaskError } from '@taskyard/core'

/**
 * A task has no result: it failed, was cancelled, or had not ended when the wait for it was over, which changes nothing for the task.
 * `task.status` tells which; `code` is that of the task's error, `cancelled`, or `not_ended`. `cause` is the handler's error with the
 * stack of its worker, or the reason of the signal that ended the wait.
 */
export class TaskResultError extends Error {
  override readonly name = 'TaskResultError'
  readonly code: string
  /** As it was last seen. */
  readonly task: TaskDocument

  constructor(task: TaskDocument, reason?: unknown) {
    super(`${task.type} task ${task.id} ${fate(task)}`, { cause: task.error === null ? reason : thrown(task.error) })
    this.code = codeOf(task)
    this.task = task
  }
}

/**
 * The result of a task that was waited for.
 * @param signal what may have ended the wait
 * @throws TaskResultError where there is none
 */
export function resultOf(task: TaskDocument, signal: AbortSignal | undefined): unknown {
  if (task.status === 'succeeded') return task.result
  throw new TaskResultError(task, signal?.aborted ? signal.reason : undefined)
}

function fate(task: TaskDocument): string {
  switch (task.status) {
    case 'failed':
      return `failed: ${task.error.message}`
    case 'cancelled':
      return 'was cancelled'
    default:
      return `has not ended, it is ${task.status}`
  }
}

function codeOf({ status, error }: TaskDocument): string {
  if (status === 'failed') return error.code
  return status === 'cancelled' ? 'cancelled' : 'not_ended'
}

function thrown({ code, message, stack }: TaskError): Error {
  return Object.assign(new Error(message), { code, stack: stack ?? `${code}: ${message}` })
}
