import { type WorkerName, workerKey } from '@taskyard/core'
import type { FastifyInstance } from 'fastify'
import { openEventStream } from '../event-stream.ts'
import type { RouteContext } from '../route-context.ts'
import { workerIdSchema } from '../schemas/leases.ts'
import { EXAMPLE_WORKER } from '../schemas/parameters.ts'
import { problems } from '../schemas/problem.ts'

interface SessionQuery {
  queues?: string
  types?: string
  concurrency?: number
  startId?: string
}

/** Which workers hold a session open on this server now. */
export interface OpenSessions {
  has(worker: WorkerName): boolean
}

interface SessionCounts extends OpenSessions {
  add(worker: WorkerName, change: 1 | -1): void
}

/** The route, and the sessions that are open through it. */
export function workerSessionRoute(server: FastifyInstance, context: RouteContext): OpenSessions {
  const { inNamespaceOf, lifecycle, clock, limits } = context
  const open = countSessions()
  server.get<{ Params: { workerId: string }; Querystring: SessionQuery }>(
    '/api/v1/workers/:workerId/session',
    { schema: sessionSchema, exposeHeadRoute: false },
    async (request, reply) => {
      lifecycle.refuseWhenClosing()
      const { workerId } = request.params
      const calls = inNamespaceOf(request)
      const worker = { namespace: calls.namespace, workerId }
      const { queues, types, concurrency, startId } = request.query
      const early: string[] = []
      let deliver = (taskId: string): void => void early.push(taskId)
      const session = calls.openSession({
        workerId,
        queues: names(queues) ?? [],
        types: names(types),
        ...(concurrency === undefined ? undefined : { concurrency }),
        ...(startId === undefined ? undefined : { startId }),
        onCancel: (taskId) => deliver(taskId),
      })
      const stream = openEventStream(reply, lifecycle.untilDisconnect(reply), clock, limits.sessionPingMs)
      onceAborted(stream.signal, () => {
        // A server that hangs up itself has no reason to think that the worker is gone.
        if (!lifecycle.closing) session.lost()
      })
      await session.opened
      // Only now: what a start before this one left may have been ended meanwhile, and a claim must not be ended with it.
      open.add(worker, 1)
      onceAborted(stream.signal, () => open.add(worker, -1))
      const ready = { graceSeconds: limits.sessionGraceSeconds, pingSeconds: limits.sessionPingMs / 1000 }
      void stream.send('ready', JSON.stringify(ready))
      deliver = (taskId) => void stream.send('cancel', JSON.stringify({ taskId }))
      early.forEach(deliver)
    },
  )
  return open
}

function countSessions(): SessionCounts {
  const counts = new Map<string, number>()
  return {
    has: (worker) => counts.has(workerKey(worker)),
    add(worker, change) {
      const key = workerKey(worker)
      const count = (counts.get(key) ?? 0) + change
      if (count === 0) counts.delete(key)
      else counts.set(key, count)
    },
  }
}

function onceAborted(signal: AbortSignal, callback: () => void): void {
  if (signal.aborted) callback()
  else signal.addEventListener('abort', callback, { once: true })
}

function names(list: string | undefined): string[] | null {
  return list === undefined || list === '' ? null : list.split(',')
}

const workerId = { ...workerIdSchema, examples: [EXAMPLE_WORKER] } as const

const commaSeparated = { type: 'string', description: 'Names, separated by commas.' } as const

const sessionSchema = {
  operationId: 'openWorkerSession',
  tags: ['leases'],
  summary: 'A live connection that a worker keeps open',
  description:
    'The first event is ready, with graceSeconds and pingSeconds; then one cancel event per task of this worker that is ' +
    'to stop. A comment line comes every pingSeconds (2). When the connection breaks and is not resumed within the ' +
    'grace, nor a lease of the worker extended or claimed, its leases that were claimed with a session end early.',
  produces: ['text/event-stream'],
  params: { type: 'object', required: ['workerId'], properties: { workerId } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      queues: commaSeparated,
      types: commaSeparated,
      concurrency: { type: 'integer', minimum: 1, maximum: 1_000_000 },
      startId: {
        ...workerIdSchema,
        description:
          'Names this start of the worker. When another start was connected under the same id and its connection broke, ' +
          'that one is dead: its leases that were claimed with a session end before the event ready, as long as the worker ' +
          'holds nothing else.',
      },
    },
  },
  response: {
    200: { description: 'The events', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    ...problems(400, 503),
  },
} as const
