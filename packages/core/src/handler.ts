import type { TypeWithDefaults } from './ports/task-types.ts'
import type { LeasedTaskDocument } from './task-document.ts'
import { isWithoutDefaults, type TypeDefaults, violationsOfTypeDefaults } from './type-defaults.ts'
import { nounOf } from './words/noun-of.ts'

/** What a handler may do besides returning its result. */
export interface TaskContext {
  /** Aborts on cancel, timeout, lost lease and the end of a drain; `signal.reason` says which. */
  readonly signal: AbortSignal
  /** The fencing token of this attempt, for handlers that write to systems of their own. */
  readonly token: number
  /** What the last heartbeat said of this lease. */
  readonly heartbeat: { readonly state: 'ok' | 'lost' | 'cancel'; readonly at: Date | null }
  /**
   * Latest state for people: any JSON value up to 16 KiB. Sent in the background, the newest wins.
   * @throws TaskyardError `invalid_request` for one that is larger, or that JSON would lose
   */
  progress(value: unknown): void
  /** A line of the task's own log, cut after 16 KiB. Sent in the background, in order. */
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

/** A handler with what submissions of its type get that do not say otherwise: a worker declares it when it starts. */
export interface HandlerWithDefaults<Payload = unknown, Result = unknown> extends TypeDefaults {
  readonly run: TaskHandler<Payload, Result>
}

// biome-ignore lint/suspicious/noExplicitAny: a map of handlers must accept handlers of any payload
type AnyHandler = TaskHandler<any, any>
// biome-ignore lint/suspicious/noExplicitAny: the same
type AnyHandlerWithDefaults = HandlerWithDefaults<any, any>

/** Handlers by task type. Payload and result types of a typed `submit` follow from it. */
export type TaskHandlers = Readonly<Record<string, AnyHandler | AnyHandlerWithDefaults>>

/** The function of an entry of {@link TaskHandlers}. */
type RunOf<Entry> = Entry extends AnyHandler ? Entry : Entry extends { readonly run: infer Run } ? Run : never

type FunctionOf<Entry> = Extract<RunOf<Entry>, AnyHandler>

export type PayloadOf<Handlers extends TaskHandlers, Type extends keyof Handlers> = Parameters<
  FunctionOf<Handlers[Type]>
>[0]['payload']

export type ResultOf<Handlers extends TaskHandlers, Type extends keyof Handlers> = Awaited<
  ReturnType<FunctionOf<Handlers[Type]>>
>

/** The functions of handlers, each changed by `wrap`; what a type has as defaults stays with it. */
export function mapHandlers(
  handlers: TaskHandlers,
  wrap: (type: string, run: TaskHandler) => TaskHandler,
): TaskHandlers {
  const wrapped = (type: string, entry: TaskHandlers[string]) =>
    typeof entry === 'function' ? wrap(type, entry) : { ...entry, run: wrap(type, entry.run) }
  return Object.fromEntries(Object.entries(handlers).map(([type, entry]) => [type, wrapped(type, entry)]))
}

/** The functions of handlers, by type. */
export function functionsOf(handlers: TaskHandlers): ReadonlyMap<string, TaskHandler> {
  return new Map(
    Object.entries(handlers).map(([type, entry]) => [type, typeof entry === 'function' ? entry : entry.run]),
  )
}

/** What the handlers declare: a function declares nothing, nor does one that has no option beside it. */
export function declarationsOf(handlers: TaskHandlers): readonly TypeWithDefaults[] {
  return Object.entries(handlers).flatMap(([type, entry]) => {
    if (typeof entry === 'function') return []
    const { run: _, ...defaults } = entry
    return isWithoutDefaults(defaults) ? [] : [{ type, defaults }]
  })
}

/** Why a value is no handler, in words that follow its name; `null`: it is one. */
export function faultOfHandler(value: unknown): string | null {
  if (typeof value === 'function') return null
  if (typeof value !== 'object' || value === null || !('run' in value) || typeof value.run !== 'function')
    return `is ${nounOf(value)}, not a function nor an object with a function "run"`
  const { run: _, ...defaults } = value
  const [fault] = violationsOfTypeDefaults(defaults)
  return fault === undefined ? null : `has an option that is wrong: ${fault.path.slice(1)}: ${fault.message}`
}
