import { once } from 'node:events'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { QueueDocument } from '@taskyard/client'
import { type Finding, finding, type StuckQueues } from '@taskyard/core'
import type { Configuration } from '../../configuration/read-configuration.ts'
import { urlHere } from '../../server/port-holder.ts'
import type { AnsweringServer, Examined } from './examined.ts'

const PATIENCE_MS = 5000

/** Where a server of this configuration is reached from this machine; the default where its port is any free one. */
export function ownUrl(configuration: Configuration): string {
  const { host, url } = configuration
  const port = portOf(configuration)
  if (port === 0) return url
  return urlHere(host, port)
}

/** Where the API of a process is, or where one without it answers probes. */
function portOf({ roles, port, operationsPort }: Configuration): number {
  return roles.includes('api') ? port : (operationsPort ?? port)
}

/** What answers at `url`; `null` when nothing does. */
export async function askServer(url: string, namespace: string, now: () => number): Promise<AnsweringServer | null> {
  try {
    const headers = { 'taskyard-namespace': namespace }
    const ask = (path: string) => fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(PATIENCE_MS) })
    const [health, ready, queues] = [await ask('/health'), await ask('/ready'), await ask('/api/v1/queues')]
    const waiting = await ask('/api/v1/waiting').catch(() => null)
    const { name, version = null, dependencies } = await jsonOf<HealthReport>(health)
    const date = Date.parse(health.headers.get('date') ?? '')
    return {
      isTaskyard: name === 'taskyard',
      version,
      storeKind: dependencies?.store?.kind ?? null,
      ready: ready.ok,
      reason: dependencies?.store?.reason ?? null,
      // The header counts whole seconds.
      clockOffsetMs: Number.isNaN(date) ? null : date + 500 - now(),
      // One without the role api knows no queues.
      queues: queues.ok ? ((await jsonOf<{ queues: readonly QueueDocument[] }>(queues)).queues ?? []) : [],
      stuck: waiting?.ok ? stuckQueues(await jsonOf<StuckQueues>(waiting)) : null,
    }
  } catch {
    return null
  }
}

function stuckQueues({ stuck, total, complete }: Partial<StuckQueues>): StuckQueues | null {
  return stuck === undefined || total === undefined || complete === undefined ? null : { stuck, total, complete }
}

interface HealthReport {
  readonly name: string
  readonly version: string
  readonly dependencies: { readonly store?: { readonly kind?: string; readonly reason: string | null } }
}

async function jsonOf<Document extends object>(response: Response): Promise<Partial<Document>> {
  return (await response.json().catch(() => ({}))) as Partial<Document>
}

/** Whether what answers at the URL is a Taskyard, and ready. */
export async function checkServer({ server, url }: Examined): Promise<Finding> {
  if (server === null)
    return finding.warning(
      'server',
      `nothing answers at ${url}`,
      'Start one with: taskyard start; on the store of a program, without the role worker. Elsewhere: --url.',
    )
  if (!server.isTaskyard)
    return finding.problem('server', `what answers at ${url} is not Taskyard`, 'Correct --url or TASKYARD_URL.')
  const name = `Taskyard ${server.version ?? ''} at ${url}`
  if (server.ready) return finding.ok('server', `${name} is ready`)
  return finding.problem(
    'server',
    `${name} is not ready: ${server.reason ?? 'see /health'}`,
    `Look at ${url}/health and the server's log.`,
  )
}

/** Whether a server could listen where the configuration says, or does so already. */
export async function checkPort({ configuration, terminal }: Examined): Promise<Finding> {
  const { host, roles, operationsPort } = configuration
  const port = portOf(configuration)
  const hasApi = roles.includes('api')
  const isFree = !hasApi && operationsPort === null
  const setting = hasApi ? 'TASKYARD_PORT' : 'TASKYARD_OPERATIONS_PORT'
  const place = `${host}:${port}`
  const failure = await listenFailure(host, port)
  if (failure === null) return finding.ok('port', port === 0 ? 'any free port' : `${place} is free`)
  if (failure === 'EADDRINUSE') {
    const holder = await askServer(ownUrl(configuration), configuration.namespace, terminal.now)
    if (holder?.isTaskyard) return finding.ok('port', `${place} is held by Taskyard ${holder.version ?? ''}`)
    const taken = `${place} is in use by another program`
    if (isFree) return finding.ok('port', `${taken}; probes and metrics will take a free port`)
    return finding.problem('port', taken, `Choose another ${setting}, or end that program.`)
  }
  if (failure === 'EACCES')
    return finding.problem('port', `${place} needs more rights`, `Choose a ${setting} above 1023.`)
  return finding.problem(
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
  if (smtpUrl === null)
    return finding.ok('smtp', 'not configured: email tasks will fail until TASKYARD_SMTP_URL is set')
  const { protocol, hostname, port } = new URL(smtpUrl)
  const secure = protocol === 'smtps:'
  const place = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 465 : 587) }
  const name = `${place.host}:${place.port}`
  try {
    const greeting = await firstLine(secure ? tlsConnect({ ...place, servername: place.host }) : tcpConnect(place))
    if (greeting.startsWith('220')) return finding.ok('smtp', `${name} answers`)
    return finding.problem(
      'smtp',
      `${name} is no mail server that takes mail: ${JSON.stringify(greeting.slice(0, 80))}`,
      SMTP_ADVICE,
    )
  } catch (error) {
    return finding.problem('smtp', `${name} cannot be reached: ${(error as Error).message}`, SMTP_ADVICE)
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
