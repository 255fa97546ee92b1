/** How observed values, in seconds, spread over the buckets of a Prometheus histogram. */
export interface Distribution {
  /** Observations per bucket, not cumulated; the last holds what is above all bounds. */
  readonly buckets: Float64Array
  sum: number
}

/** Upper bounds in seconds, from an idle dispatch to a long task. */
export const BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
] as const

/** Without any observation. */
export function newDistribution(): Distribution {
  return { buckets: new Float64Array(BOUNDS.length + 1), sum: 0 }
}

/** Counts one observation, in seconds. On the path of every task: it makes no garbage. */
export function observe(distribution: Distribution, seconds: number): void {
  let bucket = 0
  while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++
  distribution.buckets[bucket] = (distribution.buckets[bucket] as number) + 1
  distribution.sum += seconds
}
