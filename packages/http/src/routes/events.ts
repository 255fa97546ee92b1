import { formatRfc3339, type TaskEvent, TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { openEventStream } from '../event-stream.ts'
import { sendPage } from '../json-reply.ts'
import { invalidRequest } from '../problem.ts'
import type { IdParams, RouteContext } from '../route-context.ts'
import { idParams } from '../schemas/parameters.ts'
import { problems } from '../schemas/problem.ts'

/** When a place among the streams may be free. */
const RETRY_SECONDS = 10

/** A task's events: a page as JSON, or all of them as they happen to whoever accepts `text/event-stream`. */
export function eventRoutes(server: FastifyInstance, context: RouteContext): void {
  const { inNamespaceOf, lifecycle, clock, limits, pages } = context
  let streams = 0
  server.get<{ Params: IdParams; Querystring: { after?: number } }>(
    '/api/v1/tasks/:id/events',
    { schema: eventsSchema, exposeHeadRoute: false },
    async (request, reply) => {
      const { id } = request.params
      const calls = inNamespaceOf(request)
      if (!wantsStream(request)) {
        return sendPage(reply, pages, async () => pageText(await calls.history(id, request.query.after ?? 0)))
      }
      lifecycle.refuseWhenClosing()
      const after = lastEventId(request)
      // A task that does not exist is told in the plain way, while the reply can still say so.
      await calls.get(id)
      if (streams >= limits.eventStreams) throw new TaskyardError('rate_limited', { retryAfterSeconds: RETRY_SECONDS })
      const stream = openEventStream(reply, lifecycle.untilDisconnect(reply), clock, limits.pingMs)
      streams += 1
      try {
        for await (const event of calls.watch(id, after, stream.signal)) {
          await stream.send(event.kind, eventText(event), event.n)
        }
        if (!stream.signal.aborted) await stream.send('end', '{}')
      } catch (error) {
        // The store is away, say: without the event named end the client knows to come back.
        if (!(error instanceof TaskyardError)) throw error
      } finally {
        streams -= 1
        stream.end()
      }
    },
  )
}

function wantsStream(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/event-stream') === true
}

function lastEventId(request: FastifyRequest): number {
  const text = request.headers['last-event-id']
  if (text === undefined || text === '') return 0
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  throw invalidRequest('', 'Last-Event-ID must be the n of an event')
}

function pageText(events: readonly TaskEvent[]): string {
  return `{"events":[${events.map(eventText).join(',')}]}`
}

function eventText({ n, at, kind, attempt, data }: TaskEvent): string {
  return `{"n":${n},"at":"${formatRfc3339(at)}","kind":"${kind}","attempt":${attempt},"data":${data}}`
}

const eventsSchema = {
  operationId: 'getTaskEvents',
  tags: ['tasks'],
  summary: 'The history of a task, or its events live',
  description:
    'With Accept: text/event-stream the events come as they happen, each with its n as id and its kind as event, from ' +
    'Last-Event-ID on. After the end of the task an event named end follows and the stream closes. Without it an ' +
    'answer holds up to 1000 events: ask again with the last n as after until none come.',
  produces: ['application/json', 'text/event-stream'],
  params: idParams,
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: { after: { type: 'integer', minimum: 0, description: 'Only events with a greater n' } },
  },
  headers: { type: 'object', properties: { 'Last-Event-ID': { type: 'string' } } },
  response: {
    200: {
      description: 'The events, oldest first',
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['events'],
            properties: { events: { type: 'array', items: { $ref: 'TaskEvent#' } } },
          },
        },
        'text/event-stream': { schema: { type: 'string' } },
      },
    },
    ...problems(400, 404, 429, 503),
  },
} as const
