import {
  type Clock,
  DEFAULTS,
  EVERY_QUEUE,
  faultOfHandler,
  isName,
  isNumberIn,
  LIMITS,
  monotonicClock,
  nameRule,
  nounOf,
  type Random,
  type TaskHandlers,
  TaskyardError,
  unknownName,
} from '@taskyard/core'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { guarded, type ReportError, rateLimited } from './report-error.ts'
import { defaultWorkerId, newStartId, warnOnConsole } from './runtime.ts'

export interface WorkerOptions {
  /** Queues to take from; `'*'`: every queue, also those to come. Default: `['default']`. */
  readonly queues?: readonly string[] | typeof EVERY_QUEUE
  /** Task types to take, each with a handler. Default: all that have one. Tasks of other types wait for other workers. */
  readonly types?: readonly string[]
  /** Handlers that may run at the same time. Default 10. */
  readonly concurrency?: number
  /**
   * Tasks to lease beyond `concurrency`, so that the next one is here when a handler ends. The time-out clock of a
   * leased task already runs. Default: by need, as many as ran in the last 50 ms: none when tasks are slow, at most
   * 2000; one that could not start within 2 s is given back. A number of your own is kept to, come what may.
   */
  readonly prefetch?: number
  /** How long a lease lasts without a heartbeat. Heartbeats come at least every third of it. Default 30. */
  readonly leaseSeconds?: number
  /** Default: `<hostname>-<pid>-<6 random characters>`. Unique among the workers of a Taskyard. */
  readonly workerId?: string
  /** How long `stop()` lets handlers run on; those whose signal has aborted, 1 s. Default 8. */
  readonly drainSeconds?: number
  /**
   * How long a handler may run on after its signal aborted (cancel, time-out, lost lease). Then its place goes to another
   * task, although it still runs: nothing can end it. Default 10; infinity: it keeps its place until it ends.
   */
  readonly abortGraceSeconds?: number
  /** So many handlers may run on in that way at the same time; one more keeps its place. Default: `concurrency`. */
  readonly maxAbandoned?: number
  readonly clock?: Clock
  readonly random?: Random
  /** Told of every trouble that the worker works around: outages, refused outcomes. Default: lines on the console, the same at most every 30 s. */
  readonly onError?: ReportError
}

export interface WorkerSettings {
  readonly queues: readonly string[]
  readonly types: readonly string[]
  readonly concurrency: number
  /** `null`: by need. */
  readonly prefetch: number | null
  readonly leaseSeconds: number
  readonly workerId: string
  readonly startId: string
  readonly drainSeconds: number
  readonly abortGraceSeconds: number
  readonly maxAbandoned: number
  readonly clock: Clock
  readonly random: Random
  readonly report: ReportError
}

const NAMES: Readonly<Record<keyof WorkerOptions, true>> = {
  queues: true,
  types: true,
  concurrency: true,
  prefetch: true,
  leaseSeconds: true,
  workerId: true,
  drainSeconds: true,
  abortGraceSeconds: true,
  maxAbandoned: true,
  clock: true,
  random: true,
  onError: true,
}

/** Options of a caller, with those of where the worker is started as defaults. @throws TaskyardError `invalid_configuration` */
export function withDefaults(options: WorkerOptions, defaults: WorkerOptions): WorkerOptions {
  if (typeof options === 'object' && options !== null) return { ...defaults, ...options }
  throw wrong(`options are an object, not ${nounOf(options)}`)
}

/** @throws TaskyardError `invalid_configuration` */
export function resolveOptions(handlers: TaskHandlers, options: WorkerOptions): WorkerSettings {
  const unknown = unknownName(options, NAMES)
  if (unknown !== null) throw wrong(`${unknown} is no option; there are ${Object.keys(NAMES).join(', ')}`)
  const clock = monotonicClock(options.clock ?? systemClock)
  const report = guarded(told('onError', options.onError) ?? rateLimited(warnOnConsole, clock))
  return {
    queues: queuesOf(options.queues ?? [DEFAULTS.queue]),
    types: typesWithHandlers(handlers, options.types),
    concurrency: integer('concurrency', options.concurrency ?? 10, 1, 100_000),
    prefetch: options.prefetch === undefined ? null : integer('prefetch', options.prefetch, 0, 100_000),
    leaseSeconds: seconds('leaseSeconds', options.leaseSeconds ?? DEFAULTS.leaseSeconds, 1, LIMITS.leaseSeconds),
    workerId: workerIdOf(options.workerId ?? defaultWorkerId()),
    startId: newStartId(),
    drainSeconds: seconds('drainSeconds', options.drainSeconds ?? DEFAULTS.drainSeconds, 0, LIMITS.timeoutSeconds),
    abortGraceSeconds: seconds('abortGraceSeconds', options.abortGraceSeconds ?? 10, 0, Number.POSITIVE_INFINITY),
    maxAbandoned: integer('maxAbandoned', options.maxAbandoned ?? options.concurrency ?? 10, 0, 100_000),
    clock,
    random: options.random ?? systemRandom,
    report,
  }
}

function typesWithHandlers(handlers: TaskHandlers, wanted: readonly string[] | undefined): readonly string[] {
  if (typeof handlers !== 'object' || handlers === null) throw wrong('handlers are an object by task type')
  for (const [type, handler] of Object.entries(handlers)) {
    const fault = faultOfHandler(handler)
    if (fault !== null) throw wrong(`the handler of "${type}" ${fault}`)
  }
  if (wanted === undefined && Object.keys(handlers).length === 0) throw wrong('no handlers were given')
  const types = names('types', wanted ?? Object.keys(handlers))
  const missing = types.find((type) => !Object.hasOwn(handlers, type))
  if (missing !== undefined) throw wrong(`there is no handler for type "${missing}"`)
  return types
}

function queuesOf(queues: readonly string[] | typeof EVERY_QUEUE): readonly string[] {
  const isEvery = queues === EVERY_QUEUE || (Array.isArray(queues) && queues.includes(EVERY_QUEUE))
  return isEvery ? [EVERY_QUEUE] : names('queues', queues as readonly string[])
}

function names(option: string, values: readonly string[]): readonly string[] {
  if (!Array.isArray(values)) throw wrong(`${option} is not an array of names`)
  if (values.length === 0) throw wrong(`${option} is empty`)
  const bad = values.find((value) => !isName(value))
  if (bad !== undefined) throw wrong(`"${bad}" in ${option} is no name: ${nameRule('name')}`)
  return [...new Set(values)]
}

function workerIdOf(workerId: string): string {
  if (isName(workerId)) return workerId
  throw wrong(
    `workerId is ${typeof workerId === 'string' ? `"${workerId}"` : nounOf(workerId)}; ${nameRule('worker id')}`,
  )
}

/** A function, or nothing. */
function told<Listener>(option: string, listener: Listener): Listener {
  if (listener === undefined || typeof listener === 'function') return listener
  throw wrong(`${option} is not a function`)
}

function integer(option: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value)) throw wrong(`${option} is not a whole number: ${String(value)}`)
  return seconds(option, value, min, max)
}

function seconds(option: string, value: number, min: number, max: number): number {
  if (!isNumberIn(value, min, max)) throw wrong(`${option} is not a number from ${min} to ${max}: ${String(value)}`)
  return value
}

function wrong(reason: string): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `worker: ${reason}` })
}
