import { ERRORS, formatRfc3339, LIMITS, TaskyardError, withoutFolders } from '@taskyard/core'
import type { EngineHealth, LoopReport, WorkersRequest, WorkerView } from '@taskyard/engine'
import type { FastifyInstance } from 'fastify'
import type { HttpInfo } from '../options.ts'
import type { OperationsContext, RouteContext } from '../route-context.ts'
import { pageQuerySchema } from '../schemas/filters.ts'
import { problems } from '../schemas/problem.ts'

/** What an orchestrator and Prometheus ask of any process, whatever its roles. */
export function operationsRoutes(server: FastifyInstance, context: OperationsContext): void {
  const { engine, lifecycle, info } = context
  server.get('/livez', { schema: statusSchema('livez', 'The process is alive') }, async () => ({ status: 'alive' }))

  for (const path of ['/ready', '/readyz']) {
    server.get(path, { schema: readySchema(path.slice(1)) }, async () => {
      lifecycle.refuseWhenClosing()
      requireReady(await engine.health())
      return { status: 'ready' }
    })
  }

  server.get('/health', { schema: healthRoute }, async () => healthReport(await engine.health(), info))

  metricsRoute(server, context)
}

/** What people ask of a server. */
export function infoRoutes(server: FastifyInstance, { engine, info, inNamespaceOf }: RouteContext): void {
  server.get('/api/v1/info', { schema: infoRoute }, async () => ({
    name: 'taskyard',
    version: info.version,
    nodeId: engine.nodeId,
    stack: info.stack,
    durability: info.durability,
    limits: LIMITS,
  }))

  server.get<{ Querystring: WorkersRequest }>('/api/v1/workers', { schema: workersRoute }, async (request) => {
    const { workers, nextCursor } = await inNamespaceOf(request).workers(request.query)
    return { workers: workers.map(workerDocument), nextCursor }
  })
}

function metricsRoute(server: FastifyInstance, { engine, metrics, info, lifecycle }: OperationsContext): void {
  server.get('/metrics', { schema: metricsSchema }, async (_request, reply) => {
    // Without the store the queues are unknown, which is itself counted; the rest of the metrics matters most then.
    metrics.recordQueues(await engine.queuesOfUsedNamespaces().catch(() => []))
    metrics.recordLoops(engine.loops())
    metrics.recordProcess({
      version: info.version,
      store: info.stack['store'] ?? 'unknown',
      connectedWorkers: engine.connectedWorkers(),
      storeBytes: (await engine.health()).store.sizeBytes ?? null,
      draining: lifecycle.closing,
    })
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
}

function requireReady({ ready, store, loops }: EngineHealth): void {
  if (ready) return
  const { code, reason } = store
  // What a probe is told is whether to wait: of the other codes it gets the words alone.
  if (reason !== null && code !== undefined && ERRORS[code].status === 503) {
    throw new TaskyardError(code, {}, { message: reason })
  }
  if (reason !== null) throw unready(reason)
  const broken = loops.find(({ essential, healthy }) => essential && !healthy)
  throw unready(broken === undefined ? 'not started' : `${broken.name}: ${broken.reason}`)
}

function unready(reason: string): TaskyardError {
  return new TaskyardError('store_unavailable', { reason })
}

/** Dependencies appear twice: in detail, and by kind with one word, as monitors of other systems expect. */
function healthReport({ ready, store, loops }: EngineHealth, { version, stack }: HttpInfo): object {
  const kind = stack['store'] ?? 'store'
  const state = store.healthy ? 'connected' : 'disconnected'
  return {
    name: 'taskyard',
    status: ready ? 'healthy' : 'unhealthy',
    version,
    [kind]: state,
    dependencies: {
      store: {
        kind,
        status: state,
        latencyMs: Math.round(store.latencyMs * 1000) / 1000,
        reason: shownReason(store.reason),
        sizeBytes: store.sizeBytes,
      },
    },
    services: loops.map(loopDocument),
  }
}

function loopDocument({ name, intervalMs, healthy, lastRunAt, failingSince, reason }: LoopReport): object {
  return {
    name,
    intervalSeconds: intervalMs === null ? null : intervalMs / 1000,
    healthy,
    lastRunAt: timeOrNull(lastRunAt),
    failingSince: timeOrNull(failingSince),
    reason: shownReason(reason),
  }
}

function workerDocument({ connectedAt, seenAt, ...worker }: WorkerView): object {
  return { ...worker, connectedAt: timeOrNull(connectedAt), seenAt: timeOrNull(seenAt) }
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : formatRfc3339(milliseconds)
}

function statusSchema(operationId: string, summary: string) {
  return {
    operationId,
    tags: ['monitoring'],
    summary,
    response: {
      200: {
        description: 'It is',
        type: 'object',
        required: ['status'],
        properties: { status: { type: 'string' } },
      },
    },
  } as const
}

function readySchema(operationId: string) {
  const schema = statusSchema(operationId, 'The server can serve')
  return { ...schema, response: { ...schema.response, ...problems(503) } }
}

const healthRoute = {
  operationId: 'health',
  tags: ['monitoring'],
  summary: 'A report on the dependencies; always 200 while the process is alive',
  response: { 200: { description: 'The report', $ref: 'Health#' } },
} as const

const infoRoute = {
  operationId: 'info',
  tags: ['monitoring'],
  summary: 'Version, stack, durability and limits',
  response: { 200: { description: 'About this server', $ref: 'Info#' } },
} as const

const workersRoute = {
  operationId: 'listWorkers',
  tags: ['monitoring'],
  summary: 'Who works, and what they take',
  description:
    'Workers that are connected, hold tasks, or have claimed within the last minute, at any server on the store, in the order of their ids.',
  querystring: pageQuerySchema,
  response: {
    200: {
      description: 'The workers',
      type: 'object',
      required: ['workers', 'nextCursor'],
      properties: { workers: { type: 'array', items: { $ref: 'Worker#' } }, nextCursor: { type: ['string', 'null'] } },
    },
    ...problems(400, 503),
  },
} as const

const metricsSchema = {
  operationId: 'metrics',
  tags: ['monitoring'],
  summary: 'Metrics for Prometheus',
  produces: ['text/plain'],
  response: { 200: { description: 'The metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
} as const

/** The log has it whole. */
function shownReason(reason: string | null): string | null {
  return reason === null ? null : withoutFolders(reason)
}
