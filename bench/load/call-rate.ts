export interface CallRate {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface CallLoad {
  readonly callers: number
  readonly tasksPerCall: number
  readonly seconds: number
  readonly warmupSeconds: number
}

/** Tasks a second and the quantiles of one call, from callers that each call again as soon as they are answered. */
export async function callRate(load: CallLoad, call: () => Promise<unknown>): Promise<CallRate> {
  const { callers, tasksPerCall, seconds, warmupSeconds } = load
  const measureAt = performance.now() + warmupSeconds * 1000
  const endAt = measureAt + seconds * 1000
  const latencies: number[] = []
  const caller = async () => {
    for (let start = performance.now(); start < endAt; ) {
      await call()
      const end = performance.now()
      if (end >= measureAt && end < endAt) latencies.push(end - start)
      start = end
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return { perSecond: (latencies.length * tasksPerCall) / seconds, ...quantiles(latencies) }
}

/** Of a list of times in ms; 0 where there are none. */
export function quantiles(times: readonly number[]): { p50Ms: number; p99Ms: number; maxMs: number } {
  const sorted = Float64Array.from(times).sort()
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
