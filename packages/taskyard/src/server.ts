import { resolve } from 'node:path'
import type { TaskStore } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine, type Engine } from '@taskyard/engine'
import { createMetrics, createServer, type Metrics } from '@taskyard/http'
import { type BuiltInTaskTypes, builtInTaskTypes } from '@taskyard/tasks'
import { startWorker } from '@taskyard/worker'
import type { Logger } from 'pino'
import { isLoopback } from './configuration/loopback.ts'
import { type Configuration, retentionOf } from './configuration/read-configuration.ts'
import type { Role } from './configuration/value-kinds.ts'
import { createEmbeddedWorkerApi } from './embedded-worker-api.ts'
import { keepHeapSmall } from './keep-heap-small.ts'
import { openStore } from './open-store.ts'
import { readVersion } from './version.ts'

export interface RunningServer {
  /** Where the API listens; `null` without the role `api`. */
  readonly url: string | null
  /**
   * Stops accepting, lets running tasks finish for as long as the configuration says, hands the rest back, and closes
   * the store. Idempotent; resolves when all is still.
   */
  stop(): Promise<void>
}

/** Something that was started, and how it stops. */
type Stop = () => Promise<unknown>

/**
 * Starts a whole Taskyard in this process.
 * @throws TaskyardError when the store cannot be used or the configuration cannot work; Error when the address cannot be listened on
 */
export async function startServer(configuration: Configuration, { log }: { log: Logger }): Promise<RunningServer> {
  const stops: Stop[] = []
  const stop = stopOnce(stops, log)
  try {
    const url = await startParts(configuration, log, stops)
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Starts each part after those it stands on; `stops` is in the order of starting. */
async function startParts(configuration: Configuration, log: Logger, stops: Stop[]): Promise<string | null> {
  const has = (role: Role) => configuration.roles.includes(role)
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const types = openTaskTypes(configuration)
  stops.push(() => types.close())
  const store = metrics.observeStore(await openStore(configuration.store, systemClock))
  stops.push(() => store.close())
  const { from, to } = await store.migrate()
  if (from !== to) log.info({ from, to }, 'the schema of the store was brought up to date')
  const engine = openEngine(configuration, store, types, metrics, log)
  stops.push(() => engine.stop())
  await engine.start()
  // The API stops accepting while the worker drains, not after it.
  const fronts: Stop[] = []
  stops.push(() => Promise.all(fronts.map((stop) => stop())))
  const url = has('api') ? await listen(configuration, { engine, store, metrics, log }, fronts) : null
  if (has('worker')) startEmbeddedWorker(configuration, { engine, store, types, log }, fronts)
  keepHeapSmall()
  log.info({ url, store: resolve(configuration.store.path), roles: configuration.roles }, 'started')
  if (url !== null && !isLoopback(configuration.host)) {
    log.warn({ host: configuration.host }, 'the API has no authentication and listens beyond this machine')
  }
  return url
}

function openTaskTypes({ smtpUrl, smtpFrom, httpAllowPrivate }: Configuration): BuiltInTaskTypes {
  return builtInTaskTypes({
    clock: systemClock,
    random: systemRandom,
    smtpUrl,
    allowPrivateAddresses: httpAllowPrivate,
    ...(smtpFrom === null ? {} : { defaultFrom: smtpFrom }),
  })
}

function openEngine(
  configuration: Configuration,
  store: TaskStore,
  { checkPayload }: BuiltInTaskTypes,
  { observer }: Metrics,
  log: Logger,
): Engine {
  const ids = createUuidV7Generator(systemClock)
  return createEngine({
    store,
    ids,
    checkPayload,
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
        log.error({ err: error, service }, 'a background service failed; it goes on')
      },
    },
  })
}

interface HttpParts {
  readonly engine: Engine
  readonly store: TaskStore
  readonly metrics: Metrics
  readonly log: Logger
}

async function listen(configuration: Configuration, parts: HttpParts, stops: Stop[]): Promise<string> {
  const { engine, store, metrics, log } = parts
  const { host, port } = configuration
  const info = { version: readVersion(), stack: stackOf(configuration), durability: store.durability }
  const limits = { sessionGraceSeconds: configuration.sessionGraceSeconds }
  const server = await createServer({ engine, metrics, info, limits, clock: systemClock, logger: log })
  stops.push(() => closeWithin(configuration.drainSeconds, server))
  try {
    return await server.listen({ host, port })
  } catch (error) {
    throw new Error(listenFailure(host, port, error), { cause: error })
  }
}

/** Open requests may finish; whoever is still there at the deadline is cut off. */
async function closeWithin(seconds: number, server: Awaited<ReturnType<typeof createServer>>): Promise<void> {
  const callOff = systemClock.after(seconds * 1000, () => server.server.closeAllConnections())
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
  readonly store: TaskStore
  readonly types: BuiltInTaskTypes
  readonly log: Logger
}

function startEmbeddedWorker(configuration: Configuration, parts: WorkerParts, stops: Stop[]): void {
  const { queues, concurrency, drainSeconds } = configuration
  const { engine, store, types, log } = parts
  const api = createEmbeddedWorkerApi(engine, () => store.threadAccess())
  const onError = (error: unknown, during: string) =>
    log.warn({ err: error, during }, 'the embedded worker met trouble')
  const worker = startWorker(api, types.handlers, { queues, concurrency, drainSeconds, onError })
  stops.push(() => worker.stop())
}

/** Everything is stopped in the opposite order of its start; a part that fails to stop does not hold up the others. */
function stopOnce(stops: readonly Stop[], log: Logger): () => Promise<void> {
  let stopping: Promise<void> | null = null
  const stopAll = async () => {
    log.info('stopping')
    for (const stop of stops.toReversed())
      await stop().catch((error) => log.error({ err: error }, 'a part failed to stop'))
    log.info('stopped')
  }
  return () => {
    stopping ??= stopAll()
    return stopping
  }
}
