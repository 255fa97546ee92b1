import { once } from 'node:events'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { QueueDocument } from '@taskyard/client'
import type { Finding } from '@taskyard/core'
import type { Configuration } from '../../configuration/read-configuration.ts'
import { type AnsweringServer, type Examined, ok, problem, warning } from './finding.ts'

const PATIENCE_MS = 5000

/** Where a server of this configuration is reached from this machine; the default where its port is any free one. */
export function ownUrl({ host, port, url }: Configuration): string {
  if (port === 0) return url
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** What answers at `url`; `null` when nothing does. */
export async function askServer(url: string, now: () => number): Promise<AnsweringServer | null> {
  try {
    const health = await fetch(new URL('/health', url), { signal: AbortSignal.timeout(PATIENCE_MS) })
    const [info, ready, queues] = await Promise.all(
      ['/api/v1/info', '/ready', '/api/v1/queues'].map((path) =>
        fetch(new URL(path, url), { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ),
    )
    const { name, version = null } = await jsonOf<{ name: string; version: string }>(info)
    const { dependencies } = await jsonOf<HealthReport>(health)
    const date = Date.parse(health.headers.get('date') ?? '')
    return {
      isTaskyard: name === 'taskyard',
      version,
      ready: ready?.ok === true,
      reason: dependencies?.store?.reason ?? null,
      // The header counts whole seconds.
      clockOffsetMs: Number.isNaN(date) ? null : date + 500 - now(),
      queues: (await jsonOf<{ queues: readonly QueueDocument[] }>(queues)).queues ?? [],
    }
  } catch {
    return null
  }
}

interface HealthReport {
  readonly dependencies: { readonly store?: { readonly reason: string | null } }
}

async function jsonOf<Document extends object>(response: Response | undefined): Promise<Partial<Document>> {
  return (await response?.json().catch(() => ({}))) as Partial<Document>
}

export async function checkServer({ server, url }: Examined): Promise<Finding> {
  if (server === null)
    return warning('server', `nothing answers at ${url}`, 'Start one with: taskyard start. Elsewhere: --url.')
  if (!server.isTaskyard)
    return problem('server', `what answers at ${url} is not Taskyard`, 'Correct --url or TASKYARD_URL.')
  const name = `Taskyard ${server.version ?? ''} at ${url}`
  if (server.ready) return ok('server', `${name} is ready`)
  return problem(
    'server',
    `${name} is not ready: ${server.reason ?? 'see /health'}`,
    `Look at ${url}/health and the server's log.`,
  )
}

/** Whether a server could listen where the configuration says, or does so already. */
export async function checkPort({ configuration, terminal }: Examined): Promise<Finding> {
  const { host, port } = configuration
  const place = `${host}:${port}`
  const failure = await listenFailure(host, port)
  if (failure === null) return ok('port', port === 0 ? 'any free port' : `${place} is free`)
  if (failure === 'EADDRINUSE') {
    const holder = await askServer(ownUrl(configuration), terminal.now)
    if (holder?.isTaskyard) return ok('port', `${place} is held by Taskyard ${holder.version ?? ''}`)
    return problem(
      'port',
      `${place} is in use by another program`,
      'Choose another TASKYARD_PORT, or end that program.',
    )
  }
  if (failure === 'EACCES') return problem('port', `${place} needs more rights`, 'Choose a TASKYARD_PORT above 1023.')
  return problem(
    'port',
    `${place} cannot be listened on: ${failure}`,
    'Correct TASKYARD_HOST: it must be an address of this machine.',
  )
}

async function listenFailure(host: string, port: number): Promise<string | null> {
  const server = createServer()
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    return null
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  } finally {
    server.close()
  }
}

/** Whether the mail server answers with an SMTP greeting. Sends nothing. */
export async function checkSmtp({ configuration: { smtpUrl } }: Examined): Promise<Finding> {
  if (smtpUrl === null) return ok('smtp', 'not configured: email tasks will fail until TASKYARD_SMTP_URL is set')
  const { protocol, hostname, port } = new URL(smtpUrl)
  const secure = protocol === 'smtps:'
  const place = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 465 : 587) }
  const name = `${place.host}:${place.port}`
  try {
    const greeting = await firstLine(secure ? tlsConnect({ ...place, servername: place.host }) : tcpConnect(place))
    if (greeting.startsWith('220')) return ok('smtp', `${name} answers`)
    return problem(
      'smtp',
      `${name} is no mail server that takes mail: ${JSON.stringify(greeting.slice(0, 80))}`,
      SMTP_ADVICE,
    )
  } catch (error) {
    return problem('smtp', `${name} cannot be reached: ${(error as Error).message}`, SMTP_ADVICE)
  }
}

const SMTP_ADVICE = 'Check host, port and smtp:// or smtps:// in TASKYARD_SMTP_URL, and the firewall between.'

async function firstLine(socket: Socket): Promise<string> {
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no greeting within ${PATIENCE_MS / 1000} s`)))
  try {
    const [chunk] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])
    return String(chunk).split('\r\n')[0] as string
  } finally {
    socket.destroy()
  }
}
