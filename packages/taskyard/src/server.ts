import { resolve } from 'node:path'
import type { OpenedStore } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine, type Engine } from '@taskyard/engine'
import { createMetrics, createServer, type Metrics } from '@taskyard/http'
import { type BuiltInTaskTypes, builtInTaskTypes } from '@taskyard/tasks'
import { startWorker } from '@taskyard/worker'
import type { Logger } from 'pino'
import { isLoopback } from './configuration/loopback.ts'
import { type Configuration, retentionOf } from './configuration/read-configuration.ts'
import { storeName } from './configuration/store-location.ts'
import type { Role } from './configuration/value-kinds.ts'
import { createEmbeddedWorkerApi } from './embedded-worker-api.ts'
import { keepHeapSmall } from './keep-heap-small.ts'
import { openStore } from './open-store.ts'
import { createTroubleLog, type TroubleLog } from './server/trouble-log.ts'
import { STORE_PATIENCE_SECONDS, waitForStore } from './server/wait-for-store.ts'
import { stayAlive } from './stay-alive.ts'
import { readVersion } from './version.ts'

export interface RunningServer {
  /** Where the API listens; `null` without the role `api`. */
  readonly url: string | null
  /**
   * Refuses new work, lets running tasks finish for as long as the configuration says, hands the rest back, answers what
   * is asked meanwhile, and closes the store. Idempotent; resolves when all is still.
   */
  stop(): Promise<void>
}

/** Something that was started, and how it stops. */
type Stop = () => Promise<unknown>

/** Requests that are open when the drain time is over may take so long. */
const LAST_ANSWERS_MS = 1000

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
  const letProcessEnd = stayAlive()
  const stops: Stop[] = [async () => letProcessEnd()]
  const stop = stopOnce(stops, options.log)
  try {
    const url = await startParts(configuration, options, stops)
    return { url, stop }
  } catch (error) {
    await stopAll(stops, options.log)
    throw error
  }
}

/** Starts each part after those it stands on; `stops` is in the order of starting. */
async function startParts(configuration: Configuration, options: StartOptions, stops: Stop[]): Promise<string | null> {
  const { log } = options
  const has = (role: Role) => configuration.roles.includes(role)
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const types = openTaskTypes(configuration)
  stops.push(() => types.close())
  const opened = await openMigratedStore(configuration, options)
  const store = metrics.observeStore(opened)
  stops.push(() => store.lifecycle.close())
  const troubles = openTroubleLog(log)
  const engine = openEngine(configuration, { store, types, metrics, troubles })
  stops.push(() => engine.stop())
  await engine.start()
  const draining = new AbortController()
  const http = { engine, store, metrics, log, draining: draining.signal }
  const url = has('api') ? await listen(configuration, http, stops) : null
  if (has('worker')) startEmbeddedWorker(configuration, { engine, store, types, troubles }, stops)
  // While the worker drains the API takes no new work, and answers everything else.
  stops.push(async () => draining.abort())
  keepHeapSmall()
  log.info({ url, store: placeOf(configuration), roles: configuration.roles }, 'started')
  if (url !== null && !isLoopback(configuration.host)) {
    log.warn({ host: configuration.host }, 'the API has no authentication and listens beyond this machine')
  }
  return url
}

function placeOf({ store }: Configuration): string {
  return store.kind === 'sqlite' ? resolve(store.path) : storeName(store)
}

function openMigratedStore(configuration: Configuration, { log, signal }: StartOptions): Promise<OpenedStore> {
  const { store: location, allowUnsafeDurability } = configuration
  const storeOptions = { clock: systemClock, random: systemRandom, allowUnsafeDurability }
  const patienceSeconds = location.kind === 'sqlite' ? 0 : STORE_PATIENCE_SECONDS
  return waitForStore({
    clock: systemClock,
    patienceSeconds,
    signal,
    onWait: (reason) =>
      log.warn({ store: placeOf(configuration), reason, seconds: patienceSeconds }, 'waiting for the store'),
    async open() {
      const opened = await openStore(location, storeOptions)
      try {
        const { from, to } = await opened.lifecycle.migrate()
        if (from !== to) log.info({ from, to }, 'the schema of the store was brought up to date')
        return opened
      } catch (error) {
        await opened.lifecycle.close()
        throw error
      }
    },
  })
}

function openTroubleLog(log: Logger): TroubleLog {
  return createTroubleLog(
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

interface EngineParts {
  readonly store: OpenedStore
  readonly types: BuiltInTaskTypes
  readonly metrics: Metrics
  readonly troubles: TroubleLog
}

function openEngine(configuration: Configuration, { store, types, metrics, troubles }: EngineParts): Engine {
  const ids = createUuidV7Generator(systemClock)
  const { observer } = metrics
  return createEngine({
    store,
    ids,
    sweeps: configuration.roles.includes('scheduler'),
    checkPayload: types.checkPayload,
    clock: systemClock,
    random: systemRandom,
    nodeId: ids(),
    retention: retentionOf(configuration),
    queueDepth: configuration.queueDepth,
    cancelGraceSeconds: configuration.cancelGraceSeconds,
    sessionGraceSeconds: configuration.sessionGraceSeconds,
    observer: {
      ...observer,
      backgroundError(service, error) {
        observer.backgroundError(service, error)
        troubles.failed(service, error)
      },
      backgroundRecovered: troubles.recovered,
    },
  })
}

interface HttpParts {
  readonly engine: Engine
  readonly store: OpenedStore
  readonly metrics: Metrics
  readonly log: Logger
  readonly draining: AbortSignal
}

async function listen(configuration: Configuration, parts: HttpParts, stops: Stop[]): Promise<string> {
  const { engine, store, metrics, log, draining } = parts
  const { host, port, publicHosts } = configuration
  const info = { version: readVersion(), stack: stackOf(configuration), durability: store.lifecycle.durability }
  const limits = { sessionGraceSeconds: configuration.sessionGraceSeconds }
  const hosts = { loopbackOnly: isLoopback(host), others: publicHosts ?? [] }
  const server = await createServer({ engine, metrics, info, limits, hosts, draining, clock: systemClock, logger: log })
  let drainUntil = Number.POSITIVE_INFINITY
  draining.addEventListener('abort', () => {
    drainUntil = performance.now() + configuration.drainSeconds * 1000
  })
  stops.push(() => closeBy(drainUntil, server))
  try {
    return await server.listen({ host, port })
  } catch (error) {
    throw new Error(listenFailure(host, port, error), { cause: error })
  }
}

/** Open requests may finish; whoever is still there at the deadline, or a moment later, is cut off. */
async function closeBy(deadline: number, server: Awaited<ReturnType<typeof createServer>>): Promise<void> {
  const patience = Math.max(LAST_ANSWERS_MS, deadline - performance.now())
  const callOff = systemClock.after(patience, () => server.server.closeAllConnections())
  await server.close()
  callOff()
}

function stackOf({ store, broker, cache, blobs }: Configuration) {
  return { store: store.kind, broker, cache, blobs }
}

function listenFailure(host: string, port: number, error: unknown): string {
  const place = `${host}:${port}`
  switch ((error as { code?: string }).code) {
    case 'EADDRINUSE':
      return `${place} is in use by another program; end it, or choose another port with TASKYARD_PORT or --port`
    case 'EACCES':
      return `${place} needs more rights than this user has; choose a port above 1023 with TASKYARD_PORT or --port`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine; correct TASKYARD_HOST or --host`
    default:
      return `${place} cannot be listened on: ${(error as Error).message}`
  }
}

interface WorkerParts {
  readonly engine: Engine
  readonly store: OpenedStore
  readonly types: BuiltInTaskTypes
  readonly troubles: TroubleLog
}

function startEmbeddedWorker(configuration: Configuration, parts: WorkerParts, stops: Stop[]): void {
  const { queues, concurrency, drainSeconds } = configuration
  const { engine, store, types, troubles } = parts
  const api = createEmbeddedWorkerApi(engine, {
    threadAccess: () => store.lifecycle.threadAccess(),
    shared: store.news !== null,
  })
  const onError = (error: unknown, during: string) => troubles.metByWorker(during, error)
  const worker = startWorker(api, types.handlers, { queues, concurrency, drainSeconds, onError })
  stops.push(() => worker.stop())
}

/** Everything is stopped in the opposite order of its start; a part that fails to stop does not hold up the others. */
function stopOnce(stops: readonly Stop[], log: Logger): () => Promise<void> {
  let stopping: Promise<void> | null = null
  const stop = async () => {
    log.info('stopping')
    await stopAll(stops, log)
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
