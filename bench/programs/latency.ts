import { Client } from '@taskyard/client'
import { Taskyard } from '@taskyard/taskyard'
import { benchQueue } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

export interface LatencyOptions {
  readonly target: { readonly store: string } | { readonly url: string }
  readonly perSecond: number
  readonly seconds: number
  readonly warmupSeconds: number
}

export interface LatencyResult {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const { target, perSecond, seconds, warmupSeconds } = programOptions<LatencyOptions>()
const total = perSecond * (warmupSeconds + seconds)
const submittedAt = new Float64Array(total)
const waitedMs = new Float64Array(total)
const api = 'store' in target ? await Taskyard.open({ store: target.store }) : new Client({ url: target.url })

let started = 0
const all = Promise.withResolvers<void>()
const worker = api.work(
  {
    latency: (task) => {
      const { n } = task.payload as { n: number }
      waitedMs[n] = performance.now() - (submittedAt[n] as number)
      started += 1
      if (started === total) all.resolve()
    },
  },
  { queues: [benchQueue], concurrency: 100 },
)
await new Promise((resolve) => setTimeout(resolve, 500))
await submitPaced()
await all.promise
await worker.stop()
await api.close()
printResult(quantiles(waitedMs.slice(perSecond * warmupSeconds)))

/** Submits number n at n / perSecond seconds, however long the earlier ones take. */
async function submitPaced(): Promise<void> {
  const start = performance.now()
  const calls: Promise<unknown>[] = []
  for (let n = 0; n < total; n++) {
    const wait = start + (n * 1000) / perSecond - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    submittedAt[n] = performance.now()
    calls.push(api.submit('latency', { n }, { queue: benchQueue }))
  }
  await Promise.all(calls)
}

function quantiles(values: Float64Array): LatencyResult {
  const sorted = values.toSorted()
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] as number
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
