import { Taskyard } from '@taskyard/taskyard'
import { benchQueue, benchType, payload200 } from '../load/payload.ts'
import { printResult, programOptions } from '../processes/program.ts'

export interface DrainOptions {
  readonly path: string
  readonly tasks: number
  readonly batch: number
  readonly parallel: number
  readonly worker: { readonly concurrency: number; readonly prefetch: number }
}

export interface DrainResult {
  readonly submittedPerSecond: number
  readonly drainedPerSecond: number
}

const options = programOptions<DrainOptions>()
const yard = await Taskyard.open({ store: `sqlite:${options.path}` })
const submittedPerSecond = await submitAll()
const drainedPerSecond = await drainAll()
await yard.close()
printResult({ submittedPerSecond, drainedPerSecond } satisfies DrainResult)

async function submitAll(): Promise<number> {
  const { tasks, batch, parallel } = options
  const task = { type: benchType, payload: payload200, queue: benchQueue }
  const oneBatch = Array.from({ length: batch }, () => task)
  let left = tasks
  const start = performance.now()
  const submitter = async () => {
    while (left > 0) {
      const size = Math.min(batch, left)
      left -= size
      await yard.submitMany(size === batch ? oneBatch : oneBatch.slice(0, size))
    }
  }
  await Promise.all(Array.from({ length: parallel }, submitter))
  return perSecond(tasks, start)
}

async function drainAll(): Promise<number> {
  const { tasks, worker: settings } = options
  let handled = 0
  const all = Promise.withResolvers<void>()
  const start = performance.now()
  const worker = yard.work(
    {
      [benchType]: () => {
        handled += 1
        if (handled === tasks) all.resolve()
        return { ok: true }
      },
    },
    { queues: [benchQueue], ...settings },
  )
  await all.promise
  await worker.stop() // resolves when what was handled is settled: committed and synced
  const rate = perSecond(tasks, start)
  await assertAllSucceeded(tasks)
  return rate
}

async function assertAllSucceeded(tasks: number): Promise<void> {
  const { succeeded } = (await yard.queue(benchQueue)).counts
  if (succeeded !== tasks) throw new Error(`${tasks} tasks were drained, ${succeeded} have succeeded`)
}

function perSecond(count: number, since: number): number {
  return (count * 1000) / (performance.now() - since)
}
