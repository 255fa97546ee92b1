import type { LeasedTaskDocument } from './task-document.ts'

/** What a handler may do besides returning its result. */
export interface TaskContext {
  /** Aborts on cancel, timeout, lost lease and the end of a drain; `signal.reason` says which. */
  readonly signal: AbortSignal
  /** The fencing token of this attempt, for handlers that write to systems of their own. */
  readonly token: number
  /** What the last heartbeat said of this lease. */
  readonly heartbeat: { readonly state: 'ok' | 'lost' | 'cancel'; readonly at: Date | null }
  /** Latest state for people: any JSON value up to 16 KiB. Sent in the background, the newest wins. */
  progress(value: unknown): void
  /** A line of the task's own log, up to 16 KiB. Sent in the background, in order. */
  log(line: string): void
}

/**
 * Runs one attempt. What it returns becomes the task's result (any JSON value up to 1 MiB). Throwing fails the attempt;
 * a thrown `TaskFailure` says whether and when to try again.
 */
export type TaskHandler<Payload = unknown, Result = unknown> = (
  task: LeasedTaskDocument<Payload>,
  context: TaskContext,
) => Result | Promise<Result>

/** Handlers by task type. Payload and result types of a typed `submit` follow from it. */
// biome-ignore lint/suspicious/noExplicitAny: a map of handlers must accept handlers of any payload
export type TaskHandlers = Readonly<Record<string, TaskHandler<any, any>>>

export type PayloadOf<Handlers extends TaskHandlers, Type extends keyof Handlers> = Parameters<
  Handlers[Type]
>[0]['payload']

export type ResultOf<Handlers extends TaskHandlers, Type extends keyof Handlers> = Awaited<ReturnType<Handlers[Type]>>
