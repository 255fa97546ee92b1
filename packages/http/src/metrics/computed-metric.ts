import type { Metric, Registry } from 'prom-client'
import { BOUNDS, type Distribution } from './distribution.ts'

export type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export interface ComputedMetric {
  readonly name: string
  readonly help: string
}

/**
 * Adds metrics whose values are read at the scrape from plain numbers kept elsewhere. Counting then costs an addition;
 * the client library would build and hash a label key for every observation.
 */
export function addCounter(registry: Registry, metric: ComputedMetric, read: () => Iterable<[Labels, number]>): void {
  add(registry, metric, 'counter', () => Array.from(read(), ([labels, value]) => ({ labels, value })))
}

/** As {@link addCounter}, for values that also fall. */
export function addGauge(registry: Registry, metric: ComputedMetric, read: () => Iterable<[Labels, number]>): void {
  add(registry, metric, 'gauge', () => Array.from(read(), ([labels, value]) => ({ labels, value })))
}

/** As {@link addCounter}, for {@link Distribution}s: their buckets are cumulated for the scrape. */
export function addHistogram(
  registry: Registry,
  metric: ComputedMetric,
  read: () => Iterable<[Labels, Distribution]>,
): void {
  add(registry, metric, 'histogram', () => [...read()].flatMap((entry) => histogramSamples(metric.name, ...entry)))
}

function histogramSamples(name: string, labels: Labels, { buckets, sum }: Distribution): Sample[] {
  let count = 0
  const samples: Sample[] = []
  for (const [index, inBucket] of buckets.entries()) {
    count += inBucket
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: BOUNDS[index] ?? '+Inf' }, value: count })
  }
  samples.push({ metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count })
  return samples
}

function add(registry: Registry, { name, help }: ComputedMetric, type: string, values: () => Sample[]): void {
  const get = async () => ({ name, help, type, values: values(), aggregator: 'sum' })
  // The registry calls nothing but `name` and `get` of a metric; the type names its own classes only.
  registry.registerMetric({ name, get } as unknown as Metric)
}
