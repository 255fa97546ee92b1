import { type TaskDocument, type TaskError, TaskyardError, type WaitingReason } from '@taskyard/core'

/**
 * A task has no result: it failed, was cancelled, or had not ended when the wait for it was over, which changes nothing for the task.
 * `task.status` tells which; `code` is that of the task's error, `cancelled`, or `not_ended`. `cause` is the handler's error with the
 * stack of its worker, or what ended the wait before its time: the reason of the signal, an error.
 */
export class TaskResultError extends Error {
  override readonly name = 'TaskResultError'
  readonly code: string
  /** As it was last seen. */
  readonly task: TaskDocument
  /** Why it does not run, or that it does, as far as is known: the most telling first. None where it has ended, or nobody could say. */
  readonly waiting: readonly WaitingReason[]

  constructor(
    task: TaskDocument,
    { waiting = [], cause }: { waiting?: readonly WaitingReason[]; cause?: unknown } = {},
  ) {
    const fate = fateOf(task, waiting[0]?.message ?? (cause instanceof TaskyardError ? cause.message : null))
    super(`${task.type} task ${task.id} ${fate}`, { cause: cause ?? thrown(task.error) })
    this.code = codeOf(task)
    this.task = task
    this.waiting = waiting
  }
}

/** @param why what is known of a task that has not ended */
function fateOf(task: TaskDocument, why: string | null): string {
  switch (task.status) {
    case 'failed':
      return `failed: ${task.error.message}`
    case 'cancelled':
      return 'was cancelled'
    default:
      return `has not ended, it is ${task.status}${why === null ? '' : `: ${why}`}`
  }
}

function codeOf({ status, error }: TaskDocument): string {
  if (status === 'failed') return error.code
  return status === 'cancelled' ? 'cancelled' : 'not_ended'
}

function thrown(error: TaskError | null): Error | undefined {
  if (error === null) return undefined
  const { code, message, stack } = error
  return Object.assign(new Error(message), { code, stack: stack ?? `${code}: ${message}` })
}
