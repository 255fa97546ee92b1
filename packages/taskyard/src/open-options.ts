import {
  type Clock,
  type IdGenerator,
  namespaceOption,
  type Random,
  type Retention,
  TaskyardError,
  unknownName,
} from '@taskyard/core'
import type { PayloadCheck } from '@taskyard/engine'
import { defaultSettings, type Settings } from './configuration/settings.ts'
import { storeUrl, withoutSecrets } from './configuration/store-location.ts'
import { expectation } from './configuration/value-kinds.ts'
import { createIncidentLog, type IncidentLog } from './server/incident-log.ts'

export interface OpenOptions {
  /** Where tasks live, as in `TASKYARD_STORE`: `sqlite:PATH`, `postgres://…`, `redis://…` or `mongodb://…`. */
  readonly store: string
  /** Whose tasks: what belongs to another namespace does not exist here. Default `default`. */
  readonly namespace?: string
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
  namespace: true,
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
function assertOptions(options: OpenOptions): void {
  assertKnown(options, NAMES, '')
  assertKnown(options.retention ?? {}, RETENTION_NAMES, 'retention.')
  namespaceOption(options)
}

function assertKnown<Options extends object>(
  options: Options,
  names: Readonly<Record<keyof Options, true>>,
  where: string,
): void {
  const name = unknownName(options, names)
  if (name === null) return
  const reason = `${where}${name} is no option; there are ${Object.keys(names).join(', ')}`
  throw new TaskyardError('invalid_configuration', { reason })
}

/**
 * What a program that opens a store wants, with the same defaults as a server's.
 * @throws TaskyardError invalid_configuration
 */
export function settingsOfOptions(options: OpenOptions): Settings {
  const store = locationOf(options)
  assertOptions(options)
  const defaults = defaultSettings()
  return {
    ...defaults,
    store,
    retention: { ...defaults.retention, ...options.retention },
    allowUnsafeDurability: options.allowUnsafeDurability ?? defaults.allowUnsafeDurability,
    queueDepth: options.queueDepth ?? defaults.queueDepth,
    cancelGraceSeconds: options.cancelGraceSeconds ?? defaults.cancelGraceSeconds,
  }
}

function locationOf(options: OpenOptions): Settings['store'] {
  // Callers without a compiler may name none, or misspell it.
  const store = String(options?.store)
  const location = storeUrl.parse(store)
  if (location !== undefined) return location
  const reason = `store is ${JSON.stringify(withoutSecrets(store))}; ${expectation(storeUrl, store)}`
  throw new TaskyardError('invalid_configuration', { reason })
}

/** Trouble goes to the caller's `onError`, else to the console. */
export function incidentLogFor({ onError }: OpenOptions, clock: Clock): IncidentLog {
  if (onError === undefined) return consoleIncidentLog(clock)
  return {
    failed: (service, error) => onError(error, service),
    recovered: () => {},
    workerFailed: (during, error) => onError(error, during),
  }
}

function consoleIncidentLog(clock: Clock): IncidentLog {
  const began = (during: string, error: unknown) =>
    console.warn(`taskyard: ${during}: ${error instanceof Error ? error.message : String(error)}`)
  const ended = (what: string, seconds: number) => console.warn(`taskyard: ${what}: works again after ${seconds} s`)
  return createIncidentLog({ began, ended }, clock)
}
