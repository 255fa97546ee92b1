import type { Backoff } from './backoff.ts'
import type { JsonText } from './json.ts'

/** In the order of a task's life. */
export const TASK_STATUSES = ['blocked', 'scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled'] as const
export type TaskStatus = (typeof TASK_STATUSES)[number]
export const TERMINAL_STATUSES = ['succeeded', 'failed', 'cancelled'] as const
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number]
/** Ends after which a task can be run again. */
export const RETRYABLE_STATUSES = ['failed', 'cancelled'] as const satisfies readonly TerminalStatus[]
export type RetryableStatus = (typeof RETRYABLE_STATUSES)[number]

/** Why a task, or one attempt of it, failed. `code` is a stable word; `message` is for people. */
export interface TaskError {
  readonly code: string
  readonly message: string
  readonly stack?: string
}

/** A {@link TaskError} as a worker tells it; its code is `error` when it names none. */
export type ToldError = Omit<TaskError, 'code'> & Partial<Pick<TaskError, 'code'>>

/** One unit of work as a store knows it. Times are milliseconds since the Unix epoch, by the store's clock. */
export interface Task {
  readonly id: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly status: TaskStatus
  readonly priority: number
  readonly payload: JsonText
  readonly result: JsonText | null
  readonly error: TaskError | null
  /** Counted tries so far; a released lease gives its try back. */
  readonly attempt: number
  readonly maxAttempts: number
  /** How many of its workers died while they ran it, or let its lease run out and had no session by which that could be known. */
  readonly crashes: number
  /** Of the attempt under way, or of the one that ended the task. */
  readonly progress: JsonText | null
  readonly tags: readonly string[]
  readonly backoff: Backoff
  readonly timeoutSeconds: number | null
  readonly idempotencyKey: string | null
  readonly workerId: string | null
  /** When the task is, or was, due. */
  readonly runAt: number
  readonly createdAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  /** Set while a running task has been asked to stop. */
  readonly cancelRequestedAt: number | null
}

/** A task that its receiver may run until `expiresAt` (ms), under a token that fences off every earlier holder. */
export interface LeasedTask extends Task {
  readonly lease: {
    readonly token: number
    readonly expiresAt: number
    /** Given before, to a call of the same name, which may have been heard: only that call may give the task back. */
    readonly again?: true
  }
}

/** The right to one attempt. Tokens strictly rise per task. */
export interface LeaseRef {
  readonly taskId: string
  readonly token: number
}

/** A lease as the answer that gave it first told it; `expiresAt` in milliseconds since the epoch. */
export interface GivenLease extends LeaseRef {
  readonly expiresAt: number
}

/**
 * What of an answer that nobody hears may go back: not what was given before, to a call of the same name that may have been
 * heard. What was given first ends later as soon as such a call is given it again, so it does not go back from under that.
 */
export function givenFirst(tasks: readonly LeasedTask[]): readonly GivenLease[] {
  return tasks
    .filter(({ lease }) => !lease.again)
    .map(({ id, lease: { token, expiresAt } }) => ({ taskId: id, token, expiresAt }))
}

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a text can name a task in a store: a UUID in lower case (RFC 9562 §4). */
export function isTaskId(text: string): boolean {
  return TASK_ID.test(text)
}

const LARGEST_TOKEN = 2 ** 31 - 1

/** Whether a number can be the token of a lease: whole, from 1 to 2³¹ − 1. */
export function isToken(token: number): boolean {
  return Number.isInteger(token) && token >= 1 && token <= LARGEST_TOKEN
}

/** Whether this can name a lease at all; one that cannot is lost. */
export function isLeaseRef({ taskId, token }: LeaseRef): boolean {
  return isTaskId(taskId) && isToken(token)
}
