import { createServer as createProbe } from 'node:net'
import { systemClock } from '@taskyard/core/runtime'
import { createOperationsServer, createServer, type HttpOptions, type Metrics } from '@taskyard/http'
import type { Logger } from 'pino'
import type { Assembly } from '../assemble.ts'
import { isLoopback } from '../configuration/loopback.ts'
import type { Configuration } from '../configuration/read-configuration.ts'
import { portHolder } from './port-holder.ts'

/** Requests that are open when the drain time is over may take so long. */
const LAST_ANSWERS_MS = 1000

const API_PORT = 'TASKYARD_PORT or --port'
const OPERATIONS_PORT = 'TASKYARD_OPERATIONS_PORT'

export interface HttpDeps {
  readonly assembly: Assembly
  readonly metrics: Metrics
  readonly log: Logger
  readonly draining: AbortSignal
}

export interface Listening {
  readonly url: string
  /** Resolves when open requests are answered; whoever is still there when the drain time is over, or a moment later, is cut off. */
  close(): Promise<void>
}

/**
 * Serves the HTTP API where the configuration says.
 * @throws Error when the address cannot be listened on
 */
export async function listen(configuration: Configuration, deps: HttpDeps): Promise<Listening> {
  const { sessionGraceSeconds, port } = configuration
  const server = await createServer({ ...httpOptions(configuration, deps), limits: { sessionGraceSeconds } })
  return listenOn(server, { port, setting: API_PORT }, configuration, deps)
}

/**
 * Answers probes and metrics, and nothing else. Several processes of one machine need no settings for it: those that find the
 * port of the configuration taken, and were told of no other, take a free one.
 * @throws Error when the address cannot be listened on
 */
export async function listenForOperations(configuration: Configuration, deps: HttpDeps): Promise<Listening> {
  const listenAt = async (port: number, setting: string) =>
    listenOn(await createOperationsServer(httpOptions(configuration, deps)), { port, setting }, configuration, deps)
  const { operationsPort, port } = configuration
  if (operationsPort !== null) return listenAt(operationsPort, OPERATIONS_PORT)
  try {
    return await listenAt(port, OPERATIONS_PORT)
  } catch (error) {
    if (((error as Error).cause as { code?: string } | undefined)?.code !== 'EADDRINUSE') throw error
    const listening = await listenAt(0, OPERATIONS_PORT)
    const { url } = listening
    deps.log.warn({ url, taken: port }, `probes and metrics are on a free port; ${OPERATIONS_PORT} names another`)
    return listening
  }
}

function httpOptions(configuration: Configuration, { assembly, metrics, log, draining }: HttpDeps): HttpOptions {
  const { engine, info } = assembly
  const { host, publicHosts } = configuration
  const hosts = { loopbackOnly: isLoopback(host), others: publicHosts ?? [] }
  const answered = (details: object) => log.debug(details, 'request')
  const requests = log.isLevelEnabled('debug') ? { answered } : {}
  return { engine, metrics, info, hosts, draining, clock: systemClock, logger: log, ...requests }
}

/**
 * Before a store is made for a server that could not be reached: whether the API can listen where the configuration says.
 * @throws Error when it cannot
 */
export async function assertPortIsFree({ roles, host, port }: Configuration): Promise<void> {
  if (!roles.includes('api') || port === 0) return
  const probe = createProbe()
  try {
    await new Promise<void>((resolve, reject) => probe.once('error', reject).listen({ host, port }, resolve))
  } catch (error) {
    throw new Error(await listenFailure(host, port, API_PORT, error), { cause: error })
  } finally {
    await new Promise((resolve) => probe.close(resolve))
  }
}

type Server = Awaited<ReturnType<typeof createServer>>

interface Place {
  readonly port: number
  /** What names the port, to be told when it cannot be had. */
  readonly setting: string
}

async function listenOn(
  server: Server,
  { port, setting }: Place,
  { host, drainSeconds }: Configuration,
  { draining }: HttpDeps,
): Promise<Listening> {
  let drainUntil = Number.POSITIVE_INFINITY
  draining.addEventListener('abort', () => {
    drainUntil = performance.now() + drainSeconds * 1000
  })
  try {
    return { url: await server.listen({ host, port }), close: () => closeBy(drainUntil, server) }
  } catch (error) {
    await server.close()
    throw new Error(await listenFailure(host, port, setting, error), { cause: error })
  }
}

async function closeBy(deadline: number, server: Server): Promise<void> {
  const patience = Math.max(LAST_ANSWERS_MS, deadline - performance.now())
  const callOff = systemClock.after(patience, () => server.server.closeAllConnections())
  await server.close()
  callOff()
}

async function listenFailure(host: string, port: number, setting: string, error: unknown): Promise<string> {
  const place = `${host}:${port}`
  switch ((error as { code?: string }).code) {
    case 'EADDRINUSE':
      return `${place} is in use by ${await portHolder(host, port)}; end it, or choose another port with ${setting}`
    case 'EACCES':
      return `${place} needs more rights than this user has; choose a port above 1023 with ${setting}`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine; correct TASKYARD_HOST or --host`
    default:
      return `${place} cannot be listened on: ${(error as Error).message}`
  }
}
