import { createLimiter, monotonicClock } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import { guardAgainstPages } from './browser-guard.ts'
import { classicRoutes } from './classic-routes.ts'
import { createErrorHandler } from './error-handler.ts'
import { acceptJsonBodies } from './json-body.ts'
import { createLifecycle } from './lifecycle.ts'
import { timeRequests } from './metrics/request-durations.ts'
import { inNamespacesOf } from './namespace-of.ts'
import type { OpenAnswers } from './open-answers.ts'
import { type HttpLimits, type HttpOptions, SILENT } from './options.ts'
import { publishReference } from './reference.ts'
import type { RouteContext } from './route-context.ts'
import { backupRoute } from './routes/backup.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { eventRoutes } from './routes/events.ts'
import { leaseRoutes } from './routes/leases.ts'
import { infoRoutes, operationsRoutes } from './routes/monitoring.ts'
import { queueRoutes } from './routes/queues.ts'
import { submitRoutes } from './routes/submit.ts'
import { taskRoutes } from './routes/tasks.ts'
import { typeRoutes } from './routes/types.ts'
import { waitingRoutes } from './routes/waiting.ts'
import { workerSessionRoute } from './routes/worker-session.ts'
import { addComponents } from './schemas/components.ts'
import { createValidatorCompiler } from './schemas/validator.ts'
import { boundUnreadAnswers } from './unread-answers.ts'

const PAGES_AT_A_TIME = 4
const ANY_HOST = { loopbackOnly: false, others: [] }

interface PluginOptions extends HttpOptions {
  readonly limits: HttpLimits
  readonly connections: OpenAnswers
}

/**
 * The HTTP API of Taskyard as a Fastify plugin: it translates between HTTP and the engine and decides nothing itself.
 * It keeps its parsers, schemas and error answers to itself. The engine must be started and outlive the server.
 */
export async function taskyardHttp(server: FastifyInstance, options: PluginOptions): Promise<void> {
  const prepared = prepare(server, options)
  const context: RouteContext = {
    ...prepared,
    inNamespaceOf: inNamespacesOf(options.engine),
    limits: options.limits,
    connections: options.connections,
    pages: createLimiter({ most: PAGES_AT_A_TIME, clock: prepared.clock, what: 'pages' }),
  }
  acceptJsonBodies(server)
  await publishReference(server, options.info.version)
  submitRoutes(server, context)
  taskRoutes(server, context)
  waitingRoutes(server, context)
  eventRoutes(server, context)
  await server.register(bulkRoutes, context)
  leaseRoutes(server, context, workerSessionRoute(server, context))
  queueRoutes(server, context)
  typeRoutes(server, context)
  operationsRoutes(server, context)
  infoRoutes(server, context)
  backupRoute(server, context)
  classicRoutes(server, context)
}

/** Probes, health and metrics alone, for a process that serves no API. */
export async function taskyardOperations(server: FastifyInstance, options: PluginOptions): Promise<void> {
  operationsRoutes(server, prepare(server, options))
}

function prepare(server: FastifyInstance, options: PluginOptions) {
  const { engine, info, metrics, limits, connections } = options
  const clock = monotonicClock(options.clock)
  server.decorate('noteLargeAnswer', boundUnreadAnswers(server.server, connections, clock, limits.unreadBytes))
  server.setErrorHandler(createErrorHandler(options.logger ?? SILENT, metrics.problemSent))
  timeRequests(server, metrics.requestServed)
  guardAgainstPages(server, options.hosts ?? ANY_HOST)
  addComponents(server)
  server.setValidatorCompiler(createValidatorCompiler())
  // Responses are written as text; their schemas are for the reference only.
  server.setSerializerCompiler(() => JSON.stringify)
  return { engine, clock, info, metrics, lifecycle: createLifecycle(server, connections, clock, options.draining) }
}
