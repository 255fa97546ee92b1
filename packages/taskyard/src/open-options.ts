import {
  aFlag,
  aFunction,
  anAmount,
  anObject,
  assertConfiguration,
  aWholeNumber,
  consoleWarning,
  type OptionRules,
} from '@taskyard/client/shared'
import {
  type Clock,
  type IdGenerator,
  namespaceOption,
  nounOf,
  type Random,
  type Retention,
  TaskyardError,
} from '@taskyard/core'
import type { PayloadCheck } from '@taskyard/engine'
import { guarded } from '@taskyard/worker'
import { defaultSettings, type Settings } from './configuration/settings.ts'
import { storeUrl, withoutSecrets } from './configuration/store-location.ts'
import { expectation } from './configuration/value-kinds.ts'
import { createIncidentLog, type IncidentLog } from './server/incident-log.ts'

/** Tasks that end with the program: for its tests. */
const IN_MEMORY = 'sqlite::memory:'

export interface OpenOptions {
  /**
   * Where tasks live, as in `TASKYARD_STORE`: `sqlite:PATH`, `postgres://…`, `redis://…` or `mongodb://…`; or `sqlite::memory:`, for
   * tests: nothing is written, and the tasks end with `close()`.
   */
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

const RULES: OptionRules<OpenOptions> = {
  store: null,
  namespace: null,
  allowUnsafeDurability: aFlag,
  retention: anObject,
  queueDepth: aWholeNumber(1, 1_000_000_000),
  cancelGraceSeconds: anAmount,
  checkPayload: aFunction,
  onError: aFunction,
  clock: anObject,
  random: aFunction,
  ids: aFunction,
}

const RETENTION_RULES: OptionRules<Retention> = {
  succeededSeconds: anAmount,
  failedSeconds: anAmount,
  finishedBytes: anAmount,
}

const EXAMPLE = "{ store: 'sqlite:./data/tasks.db' }"

/** @throws TaskyardError invalid_configuration */
function assertOptions(options: OpenOptions): void {
  assertConfiguration(options, RULES, 'Taskyard.open: ', EXAMPLE)
  const { retention = {} } = options
  assertConfiguration<Partial<Retention>>(
    retention,
    RETENTION_RULES,
    'Taskyard.open: retention: ',
    '{ failedSeconds: 86400 }',
  )
  namespaceOption(options)
}

/**
 * What a program that opens a store wants, with the same defaults as a server's.
 * @throws TaskyardError invalid_configuration
 */
export function settingsOfOptions(options: OpenOptions): Settings {
  assertOptions(options)
  const store = locationOf(options)
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

function locationOf({ store }: OpenOptions): Settings['store'] {
  if (store === IN_MEMORY) return { kind: 'sqlite', path: ':memory:' }
  // Callers without a compiler may name none, or misspell it.
  const text = String(store)
  const location = storeUrl.parse(text)
  if (location !== undefined) return location
  const shown = typeof store === 'string' ? JSON.stringify(withoutSecrets(store)) : nounOf(store)
  throw new TaskyardError('invalid_configuration', {
    reason: `Taskyard.open: store is ${shown}; ${expectation(storeUrl, text)}`,
  })
}

/** Trouble goes to the caller's `onError`, else to the console. */
export function incidentLogFor({ onError }: OpenOptions, clock: Clock): IncidentLog {
  if (onError === undefined) return consoleIncidentLog(clock)
  const report = guarded(onError, consoleWarning)
  return {
    failed: (service, error) => report(error, service),
    recovered: () => {},
    workerFailed: (during, error) => report(error, during),
  }
}

function consoleIncidentLog(clock: Clock): IncidentLog {
  const began = (during: string, error: unknown) => consoleWarning(error, during)
  const ended = (what: string, seconds: number) => console.warn(`taskyard: ${what}: works again after ${seconds} s`)
  return createIncidentLog({ began, ended }, clock)
}
