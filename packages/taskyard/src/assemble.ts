import type { Clock, IdGenerator, OpenedStore, Random, WorkerApi } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine, type Engine, type EngineObserver, type PayloadCheck } from '@taskyard/engine'
import type { HttpInfo, Metrics } from '@taskyard/http'
import type { Settings } from './configuration/settings.ts'
import { createEmbeddedWorkerApi } from './embedded-worker-api.ts'
import { openStore } from './open-store.ts'
import type { IncidentLog } from './server/incident-log.ts'
import { type StoreLog, traceCalls } from './server/store-log.ts'
import type { TaskLog } from './server/task-log.ts'
import { type StorePatience, waitForStore } from './server/wait-for-store.ts'
import { VERSION } from './version.ts'

/** What it takes from its process. What is left out is the machine's, or is done without. */
export interface RuntimeDeps {
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly ids?: IdGenerator | undefined
  /** Default: a store that is not there is not waited for. */
  readonly patience?: StorePatience | undefined
}

export interface AssemblyDeps extends RuntimeDeps {
  /** Told of trouble in the background. */
  readonly incidents: Pick<IncidentLog, 'failed' | 'recovered'>
  readonly metrics?: Metrics | undefined
  /** Told of each call of the store, where `trace` is logged. */
  readonly storeLog?: StoreLog | undefined
  /** Told of attempts that fail. */
  readonly taskLog?: Pick<TaskLog, 'ended'> | undefined
  readonly checkPayload?: PayloadCheck | undefined
}

/** A store whose schema is up to date. */
export interface MigratedStore {
  readonly store: OpenedStore
  /** Versions of the schema. */
  readonly from: number
  readonly to: number
}

/** A whole Taskyard: what a server serves, a library calls, and workers work on. */
export interface Assembly extends MigratedStore {
  readonly engine: Engine
  readonly info: HttpInfo
  /** For a worker in this process, of the tasks of a namespace. */
  workerApi(namespace: string): WorkerApi
  /** Stops the engine, then closes what it stands on. To be called once. */
  close(): Promise<void>
}

/**
 * Opens and makes everything that the settings name; nothing runs before the engine is started.
 * @throws TaskyardError store_locked, store_corrupt, store_too_new, store_read_only, store_unavailable, unsafe_durability,
 * invalid_configuration, …
 */
export async function assemble(settings: Settings, deps: AssemblyDeps): Promise<Assembly> {
  const { metrics } = deps
  const migrated = await openMigratedStore(settings, deps)
  const observed = metrics === undefined ? migrated.store : metrics.observeStore(migrated.store)
  const store = deps.storeLog?.isLevelEnabled('trace') ? traceCalls(observed, deps.storeLog) : observed
  const engine = assembleEngine(settings, deps, store)
  return {
    ...migrated,
    store,
    engine,
    info: { version: VERSION, stack: stackOf(settings), durability: store.lifecycle.durability },
    workerApi: (namespace) =>
      createEmbeddedWorkerApi(engine, namespace, {
        threadAccess: () => store.lifecycle.threadAccess(),
        shared: store.news !== null,
      }),
    async close() {
      try {
        await engine.stop()
      } finally {
        await store.lifecycle.close()
      }
    },
  }
}

interface StoreSettings extends Pick<Settings, 'store' | 'allowUnsafeDurability'> {
  /** Opens a SQLite file that was copied without its log, too. */
  readonly acceptLostLog?: boolean
}

/**
 * Opens the store of these settings alone, and brings its schema up to date.
 * @throws TaskyardError as {@link assemble}
 */
export function openMigratedStore(
  { store: location, allowUnsafeDurability, acceptLostLog = false }: StoreSettings,
  { clock = systemClock, random = systemRandom, patience }: RuntimeDeps = {},
): Promise<MigratedStore> {
  return waitForStore({
    clock,
    patience,
    async open() {
      const store = await openStore(location, { clock, random, allowUnsafeDurability, acceptLostLog })
      try {
        return { store, ...(await store.lifecycle.migrate()) }
      } catch (error) {
        await store.lifecycle.close()
        throw error
      }
    },
  })
}

function assembleEngine(settings: Settings, deps: AssemblyDeps, store: OpenedStore): Engine {
  const { retention, queueDepth, cancelGraceSeconds, sessionGraceSeconds, roles } = settings
  const { clock = systemClock, random = systemRandom, checkPayload } = deps
  const { ids = createUuidV7Generator(clock) } = deps
  return createEngine({
    store,
    clock,
    random,
    ids,
    nodeId: ids(),
    sweeps: roles.includes('scheduler'),
    retention,
    queueDepth,
    cancelGraceSeconds,
    sessionGraceSeconds,
    observer: observerOf(deps),
    ...(checkPayload === undefined ? {} : { checkPayload }),
  })
}

function observerOf({ metrics, incidents, taskLog }: AssemblyDeps): EngineObserver {
  return {
    ...metrics?.observer,
    ...(taskLog === undefined ? {} : { attemptFailed: (attempt) => taskLog.ended(attempt) }),
    backgroundError(service, error) {
      metrics?.observer.backgroundError(service, error)
      incidents.failed(service, error)
    },
    backgroundRecovered: incidents.recovered,
  }
}

function stackOf({ store }: Settings): HttpInfo['stack'] {
  return { store: store.kind }
}
