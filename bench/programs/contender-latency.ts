import { type ContenderRef, openContender } from '../contenders/contender.ts'
import { quantiles } from '../load/call-rate.ts'
import { printResult, programOptions } from '../processes/program.ts'
import type { LatencyResult } from './latency.ts'

// From the call that submits to the first line of the handler, on one clock: submitter and worker share the process.

export interface ContenderLatencyOptions {
  readonly contender: ContenderRef
  readonly perSecond: number
  readonly seconds: number
  readonly warmupSeconds: number
}

const { contender: ref, perSecond, seconds, warmupSeconds } = programOptions<ContenderLatencyOptions>()
const total = perSecond * (warmupSeconds + seconds)
const submittedAt = new Float64Array(total)
const waitedMs = new Float64Array(total)
const contender = await openContender(ref)

let started = 0
const all = Promise.withResolvers<void>()
const worker = await contender.work((payload) => {
  const { n } = payload as { n: number }
  waitedMs[n] = performance.now() - (submittedAt[n] as number)
  started += 1
  if (started === total) all.resolve()
  return { ok: true }
})
await new Promise((resolve) => setTimeout(resolve, 500))
await submitPaced()
await all.promise
printResult(quantiles([...waitedMs.slice(perSecond * warmupSeconds)]) satisfies LatencyResult)
await Promise.race([worker.stop().then(() => contender.close()), new Promise((resolve) => setTimeout(resolve, 5000))])
process.exit(0)

/** Submits number n at n / perSecond seconds, however long the earlier ones take. */
async function submitPaced(): Promise<void> {
  const start = performance.now()
  const calls: Promise<unknown>[] = []
  for (let n = 0; n < total; n++) {
    const wait = start + (n * 1000) / perSecond - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    submittedAt[n] = performance.now()
    // Not its answer, which would be a memory of the bench's own to look after.
    calls.push(contender.submit({ n }).then(() => {}))
  }
  await Promise.all(calls)
}
