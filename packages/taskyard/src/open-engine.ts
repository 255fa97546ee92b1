import {
  type Clock,
  DEFAULT_RETENTION,
  type IdGenerator,
  type OpenedStore,
  type Random,
  type Retention,
  TaskyardError,
  unknownName,
} from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { createEngine, type Engine, type PayloadCheck } from '@taskyard/engine'
import { createTroubleLog, type TroubleLog } from './server/trouble-log.ts'

export interface OpenOptions {
  /** Where tasks live, as in `TASKYARD_STORE`: `sqlite:PATH`, `postgres://…`, `redis://…` or `mongodb://…`. */
  readonly store: string
  /** Opens a store whose settings may lose acknowledged tasks, too. Default: it is refused. */
  readonly allowUnsafeDurability?: boolean
  /** How long finished tasks are kept. Default: 7 days, failed ones 30, and at most 1 GiB. */
  readonly retention?: Partial<Retention>
  /** Waiting tasks a queue may hold. Default 10,000,000. */
  readonly queueDepth?: number
  /** How long a running task may take to obey a cancel request. Default 10. */
  readonly cancelGraceSeconds?: number
  /** Refuses payloads at submission. Default: any JSON is accepted. */
  readonly checkPayload?: PayloadCheck
  /**
   * Told of trouble in the background, which is worked around, each time that something fails. Default: warnings on the
   * console, where an outage is one line at its begin and one at its end.
   */
  readonly onError?: (error: unknown, during: string) => void
  readonly clock?: Clock
  readonly random?: Random
  readonly ids?: IdGenerator
}

const NAMES: Readonly<Record<keyof OpenOptions, true>> = {
  store: true,
  allowUnsafeDurability: true,
  retention: true,
  queueDepth: true,
  cancelGraceSeconds: true,
  checkPayload: true,
  onError: true,
  clock: true,
  random: true,
  ids: true,
}

const RETENTION_NAMES: Readonly<Record<keyof Retention, true>> = {
  succeededSeconds: true,
  failedSeconds: true,
  finishedBytes: true,
}

/** @throws TaskyardError invalid_configuration */
export function assertKnownOptions(options: OpenOptions): void {
  const name = unknownName(options, NAMES) ?? unknownName(options.retention ?? {}, RETENTION_NAMES)
  if (name === null) return
  const reason = `${name} is no option; there are ${Object.keys({ ...NAMES, ...RETENTION_NAMES }).join(', ')}`
  throw new TaskyardError('invalid_configuration', { reason })
}

interface EngineParts {
  readonly store: OpenedStore
  readonly clock: Clock
  readonly random: Random
  readonly troubles: TroubleLog
}

/** The engine of a program that opened a store, as its options say. */
export function openEngine(
  { store, clock, random, troubles }: EngineParts,
  { ids = createUuidV7Generator(clock), retention, queueDepth, cancelGraceSeconds, checkPayload }: OpenOptions,
): Engine {
  return createEngine({
    store,
    clock,
    random,
    ids,
    nodeId: ids(),
    retention: { ...DEFAULT_RETENTION, ...retention },
    observer: { backgroundError: troubles.failed, backgroundRecovered: troubles.recovered },
    ...(queueDepth === undefined ? {} : { queueDepth }),
    ...(cancelGraceSeconds === undefined ? {} : { cancelGraceSeconds }),
    ...(checkPayload === undefined ? {} : { checkPayload }),
  })
}

/** Trouble goes to the caller's `onError`, else to the console. */
export function troublesFor({ onError }: OpenOptions, clock: Clock): TroubleLog {
  if (onError === undefined) return consoleTroubles(clock)
  return {
    failed: (service, error) => onError(error, service),
    recovered: () => {},
    metByWorker: (during, error) => onError(error, during),
  }
}

function consoleTroubles(clock: Clock): TroubleLog {
  const began = (during: string, error: unknown) =>
    console.warn(`taskyard: ${during}: ${error instanceof Error ? error.message : String(error)}`)
  const ended = (what: string, seconds: number) => console.warn(`taskyard: ${what}: works again after ${seconds} s`)
  return createTroubleLog({ began, ended }, clock)
}
