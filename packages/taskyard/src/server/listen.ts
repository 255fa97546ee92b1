import { systemClock } from '@taskyard/core/runtime'
import { createServer, type Metrics } from '@taskyard/http'
import type { Logger } from 'pino'
import type { Assembly } from '../assemble.ts'
import { isLoopback } from '../configuration/loopback.ts'
import type { Configuration } from '../configuration/read-configuration.ts'

/** Requests that are open when the drain time is over may take so long. */
const LAST_ANSWERS_MS = 1000

export interface HttpParts {
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
export async function listen(configuration: Configuration, parts: HttpParts): Promise<Listening> {
  const { assembly, metrics, log, draining } = parts
  const { engine, info } = assembly
  const { host, port, publicHosts } = configuration
  const limits = { sessionGraceSeconds: configuration.sessionGraceSeconds }
  const hosts = { loopbackOnly: isLoopback(host), others: publicHosts ?? [] }
  const server = await createServer({ engine, metrics, info, limits, hosts, draining, clock: systemClock, logger: log })
  let drainUntil = Number.POSITIVE_INFINITY
  draining.addEventListener('abort', () => {
    drainUntil = performance.now() + configuration.drainSeconds * 1000
  })
  const close = () => closeBy(drainUntil, server)
  try {
    return { url: await server.listen({ host, port }), close }
  } catch (error) {
    await close()
    throw new Error(listenFailure(host, port, error), { cause: error })
  }
}

async function closeBy(deadline: number, server: Awaited<ReturnType<typeof createServer>>): Promise<void> {
  const patience = Math.max(LAST_ANSWERS_MS, deadline - performance.now())
  const callOff = systemClock.after(patience, () => server.server.closeAllConnections())
  await server.close()
  callOff()
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
