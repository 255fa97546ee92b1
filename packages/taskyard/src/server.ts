import { resolve } from 'node:path'
import { systemClock, systemRandom } from '@taskyard/core/runtime'
import { createMetrics } from '@taskyard/http'
import { type BuiltInTaskTypes, builtInTaskTypes } from '@taskyard/tasks'
import { startWorker } from '@taskyard/worker'
import type { Logger } from 'pino'
import { type Assembly, assemble } from './assemble.ts'
import { isLoopback } from './configuration/loopback.ts'
import type { Configuration } from './configuration/read-configuration.ts'
import { settingsOf } from './configuration/settings.ts'
import { storeName } from './configuration/store-location.ts'
import { keepHeapSmall } from './keep-heap-small.ts'
import { keepProcessAlive } from './keep-process-alive.ts'
import { createIncidentLog, type IncidentLog } from './server/incident-log.ts'
import { assertPortIsFree, type HttpDeps, listen, listenForOperations } from './server/listen.ts'
import { createTaskLog } from './server/task-log.ts'
import type { StorePatience } from './server/wait-for-store.ts'
import { withoutServerPaths } from './server/without-server-paths.ts'

export interface RunningServer {
  /** Where the API listens; `null` without the role `api`. */
  readonly url: string | null
  /** Where probes and metrics are answered. */
  readonly operationsUrl: string
  /**
   * Refuses new work, lets running tasks finish for as long as the configuration says, hands the rest back, answers what
   * is asked meanwhile, and closes the store. Idempotent; resolves when all is still.
   */
  stop(): Promise<void>
}

/** Something that was started, and how it stops. */
type Stop = () => Promise<unknown>

/** How long a start waits for a store on a server that is not there yet. */
const STORE_PATIENCE_SECONDS = 30

interface StartOptions {
  readonly log: Logger
  /** Ends the wait for a store that is not there yet. */
  readonly signal: AbortSignal
}

/**
 * Starts a whole Taskyard in this process. A store on a server that cannot be reached is waited for, 30 s at most.
 * @throws TaskyardError when the store cannot be used or the configuration cannot work; Error when the address cannot be listened on
 */
export async function startServer(configuration: Configuration, options: StartOptions): Promise<RunningServer> {
  const letProcessEnd = keepProcessAlive()
  const parts: Parts = { stops: [async () => letProcessEnd()], running: () => 0 }
  const stop = stopOnce(parts, configuration, options.log)
  try {
    return { ...(await startAll(configuration, options, parts)), stop }
  } catch (error) {
    await stopAll(parts.stops, options.log)
    throw error
  }
}

interface Parts {
  readonly stops: Stop[]
  /** Tasks that run in this process. */
  running: () => number
}

/** Starts each part after those it stands on; `stops` is in the order of starting. */
async function startAll(configuration: Configuration, options: StartOptions, parts: Parts): Promise<Places> {
  const { log } = options
  const { stops } = parts
  await assertPortIsFree(configuration)
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const types = openTaskTypes(configuration)
  stops.push(() => types.close())
  const incidents = openIncidentLog(log)
  const { checkPayload } = types
  const patience = storePatience(configuration, options)
  const taskLog = createTaskLog({ lines: log, clock: systemClock, find: (ids) => assembly.store.reads.find(ids) })
  const deps = { metrics, incidents, taskLog, checkPayload, patience, storeLog: log }
  const assembly = await assemble(settingsOf(configuration), deps)
  stops.push(() => assembly.close())
  stops.push(() => taskLog.flush())
  const { from, to, engine } = assembly
  if (from !== to) log.info({ from, to }, 'the schema of the store was brought up to date')
  await engine.start()
  const draining = new AbortController()
  const http = { assembly, metrics, log, draining: draining.signal }
  const places = await listenAll(configuration, http, stops)
  if (configuration.roles.includes('worker')) {
    parts.running = startEmbeddedWorkers(configuration, { assembly, types, incidents }, stops)
  }
  // While the worker drains the API takes no new work, and answers everything else.
  stops.push(async () => draining.abort())
  keepHeapSmall()
  log.info({ ...places, store: placeOf(configuration), roles: configuration.roles }, 'started')
  if (places.url !== null && !isLoopback(configuration.host)) {
    log.warn({ host: configuration.host }, 'the API has no authentication and listens beyond this machine')
  }
  return places
}

type Places = Pick<RunningServer, 'url' | 'operationsUrl'>

async function listenAll(configuration: Configuration, deps: HttpDeps, stops: Stop[]): Promise<Places> {
  const api = configuration.roles.includes('api') ? await listen(configuration, deps) : null
  if (api !== null) stops.push(api.close)
  if (api !== null && configuration.operationsPort === null) return { url: api.url, operationsUrl: api.url }
  const operations = await listenForOperations(configuration, deps)
  stops.push(operations.close)
  return { url: api?.url ?? null, operationsUrl: operations.url }
}

function placeOf({ store }: Configuration): string {
  return store.kind === 'sqlite' ? resolve(store.path) : storeName(store)
}

/** A store on a server may come up after this process. */
function storePatience(configuration: Configuration, { log, signal }: StartOptions): StorePatience | undefined {
  if (configuration.store.kind === 'sqlite') return undefined
  const seconds = STORE_PATIENCE_SECONDS
  const store = placeOf(configuration)
  return { seconds, signal, onWait: (reason) => log.warn({ store, reason, seconds }, 'waiting for the store') }
}

function openIncidentLog(log: Logger): IncidentLog {
  return createIncidentLog(
    {
      began: (what, error) =>
        what === 'store'
          ? log.error({ reason: messageOf(error) }, 'the store is away; everything waits for it')
          : log.error({ err: error, service: what }, 'a background service failed; it goes on'),
      ended: (what, seconds) =>
        log.info({ service: what, seconds }, what === 'store' ? 'the store is back' : 'works again'),
    },
    systemClock,
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function openTaskTypes({ smtpUrl, smtpFrom, httpAllowPrivate, roles }: Configuration): BuiltInTaskTypes {
  return builtInTaskTypes({
    clock: systemClock,
    random: systemRandom,
    smtpUrl,
    allowPrivateAddresses: httpAllowPrivate,
    mayBlock: roles.every((role) => role === 'worker'),
    ...(smtpFrom === null ? {} : { defaultFrom: smtpFrom }),
  })
}

interface WorkerDeps {
  readonly assembly: Assembly
  readonly types: BuiltInTaskTypes
  readonly incidents: IncidentLog
}

/** Gives what counts the tasks they run. */
function startEmbeddedWorkers(configuration: Configuration, deps: WorkerDeps, stops: Stop[]): () => number {
  const { workerNamespaces, queues, concurrency, drainSeconds } = configuration
  const { assembly, types, incidents } = deps
  const onError = (error: unknown, during: string) => incidents.workerFailed(during, error)
  const options = { queues, concurrency, drainSeconds, onError }
  const handlers = withoutServerPaths(types.handlers)
  const workers = [...new Set(workerNamespaces)].map((namespace) =>
    startWorker(assembly.workerApi(namespace), handlers, options),
  )
  stops.push(async () => void (await Promise.all(workers.map((worker) => worker.stop()))))
  return () => workers.reduce((sum, { stats }) => sum + stats.running, 0)
}

/** Everything is stopped in the opposite order of its start; a part that fails to stop does not hold up the others. */
function stopOnce(parts: Parts, { drainSeconds }: Configuration, log: Logger): () => Promise<void> {
  let stopping: Promise<void> | null = null
  const stop = async () => {
    const tasks = parts.running()
    if (tasks === 0) log.info('stopping')
    else
      log.info({ tasks, seconds: drainSeconds }, 'draining: no new tasks, running ones finish (again to quit at once)')
    await stopAll(parts.stops, log)
    log.info('stopped')
  }
  return () => {
    stopping ??= stop()
    return stopping
  }
}

async function stopAll(stops: readonly Stop[], log: Logger): Promise<void> {
  for (const stop of stops.toReversed())
    await stop().catch((error) => log.error({ err: error }, 'a part failed to stop'))
}
