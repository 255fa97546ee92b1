import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { addHistogram, type Labels } from './computed-metric.ts'
import { type Distribution, newDistribution, observe } from './distribution.ts'

/** An answer as it is counted. */
export interface ServedRequest {
  readonly method: string
  /** As it is written in the reference, such as `/api/v1/tasks/:id`: so there are few. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

interface Series {
  readonly labels: Labels
  readonly durations: Distribution
}

/** Adds the durations of requests; the returned function counts one. */
export function createRequestDurations(registry: Registry): (served: ServedRequest) => void {
  const all = new Map<string, Series>()
  const metric = { name: 'taskyard_http_request_seconds', help: 'HTTP requests, from their head to the last byte' }
  addHistogram(registry, metric, function* () {
    for (const { labels, durations } of all.values()) yield [labels, durations]
  })
  return ({ method, route, status, seconds }) => {
    const key = `${method} ${status} ${route}`
    let series = all.get(key)
    if (series === undefined) {
      series = { labels: { method, route, status: String(status) }, durations: newDistribution() }
      all.set(key, series)
    }
    observe(series.durations, seconds)
  }
}

/** Tells of every answer, but of streams, which are open for as long as their client likes. */
export function timeRequests(server: FastifyInstance, requestServed: (served: ServedRequest) => void): void {
  server.addHook('onResponse', (request, reply, done) => {
    const { url: route = 'none' } = request.routeOptions
    if (!isStream(request, route)) {
      requestServed({ method: request.method, route, status: reply.statusCode, seconds: reply.elapsedTime / 1000 })
    }
    done()
  })
}

function isStream({ headers }: FastifyRequest, route: string): boolean {
  return (
    route.endsWith('/session') || (route.endsWith('/events') && headers.accept?.includes('text/event-stream') === true)
  )
}
