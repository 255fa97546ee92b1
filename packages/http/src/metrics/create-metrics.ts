import type { ErrorCode, OpenedStore } from '@taskyard/core'
import type { EngineObserver, LoopReport, QueueOfNamespace } from '@taskyard/engine'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { addCounter, type Labels } from './computed-metric.ts'
import { createLoopMetrics } from './loop-metrics.ts'
import { observeStore } from './observe-store.ts'
import { createProcessGauges, type ProcessState } from './process-gauges.ts'
import { createQueueGauges } from './queue-gauges.ts'
import { createRequestDurations, type ServedRequest } from './request-durations.ts'
import { createTaskObserver } from './task-observer.ts'

/** A server's own metrics: nothing is shared between two servers in one process. */
export interface Metrics {
  readonly registry: Registry
  /** For `EngineOptions.observer`. */
  readonly observer: Required<Omit<EngineObserver, 'backgroundRecovered' | 'attemptFailed'>>
  /** The same store, every call of it timed and its failures counted. */
  observeStore(store: OpenedStore): OpenedStore
  /** The queues as they are now, for the gauges of the next scrape. */
  recordQueues(queues: readonly QueueOfNamespace[]): void
  /** The background loops as they are now, for the next scrape. */
  recordLoops(loops: readonly LoopReport[]): void
  /** The process as it is now, for the next scrape. */
  recordProcess(state: ProcessState): void
  /** A request was answered. */
  requestServed(served: ServedRequest): void
  /** A problem document was sent. */
  problemSent(code: ErrorCode): void
}

export interface MetricsOptions {
  /** A clock for durations, in milliseconds, that never runs backwards, such as `performance.now`. */
  readonly monotonicMs: () => number
  /** Triples of namespace, queue and type, and queues, with series of their own; the rest is counted as `other`. */
  readonly labelLimit?: number
}

/** The metrics of the process (memory, event loop, garbage collection) are among them. */
export function createMetrics({ monotonicMs, labelLimit = 500 }: MetricsOptions): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // Sums of other gauges, whose names say that they are counters.
  for (const what of ['resources', 'handles', 'requests']) registry.removeSingleMetric(`nodejs_active_${what}_total`)
  const observer = createTaskObserver(registry, labelLimit)
  const recordQueues = createQueueGauges(registry, labelLimit)
  const problems = new Map<string, number>()
  addCounter(registry, { name: 'taskyard_http_problems_total', help: 'Problem documents sent, by code' }, () =>
    labelled('code', problems),
  )
  const timedStore = observeStore(registry, monotonicMs)
  return {
    registry,
    observer,
    observeStore: timedStore,
    recordQueues,
    recordLoops: createLoopMetrics(registry),
    recordProcess: createProcessGauges(registry),
    requestServed: createRequestDurations(registry),
    problemSent: (code) => void problems.set(code, (problems.get(code) ?? 0) + 1),
  }
}

/** Counts kept in a map as samples of one label. */
export function* labelled(label: string, counts: ReadonlyMap<string, number>): Iterable<[Labels, number]> {
  for (const [value, count] of counts) yield [{ [label]: value }, count]
}
