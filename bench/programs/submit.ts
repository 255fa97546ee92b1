import { Taskyard } from '@taskyard/taskyard'
import { benchQueue, benchType, payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

// The library under load in one process: concurrent callers of submit(), and of submitMany() with batches.

export interface SubmitOptions {
  readonly path: string
  readonly callers: number
  readonly batch: number
  readonly seconds: number
  readonly warmupSeconds: number
}

const { path, callers, batch, seconds, warmupSeconds } = programOptions<SubmitOptions>()
const yard = await Taskyard.open({ store: `sqlite:${path}` })
const task = { type: benchType, payload: payload200, queue: benchQueue }
const tasks = Array.from({ length: batch }, () => task)
const singles = await rate(callers, 1, () => yard.submit(benchType, payload200, { queue: benchQueue }))
const batches = await rate(4, batch, () => yard.submitMany(tasks))
await yard.close()
printResult({ singles, batches })

async function rate(parallel: number, size: number, submit: () => Promise<unknown>) {
  const measureAt = performance.now() + warmupSeconds * 1000
  const endAt = measureAt + seconds * 1000
  const latencies: number[] = []
  const caller = async () => {
    for (let start = performance.now(); start < endAt; ) {
      await submit()
      const end = performance.now()
      if (end >= measureAt && end < endAt) latencies.push(end - start)
      start = end
    }
  }
  await Promise.all(Array.from({ length: parallel }, caller))
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.ceil(latencies.length * share) - 1] ?? 0
  return { perSecond: (latencies.length * size) / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}
