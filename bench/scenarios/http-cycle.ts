import { batchBody, taskBody } from '../load/payload.ts'
import { untilSucceeded } from '../load/queue-counts.ts'
import { postInBatches } from '../load/submit.ts'
import { startTaskyard } from '../processes/server.ts'
import { startWorker } from '../processes/worker.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'

const defaults = { tasks: 50_000, connections: 50 }
const batch = 100

export const httpCycle: Scenario = {
  name: 'http-cycle',
  summary: 'submit over HTTP, run by a remote worker over HTTP, settled',
  settings(options) {
    const { tasks, connections } = { ...defaults, ...options }
    return [
      `${tasks.toLocaleString('en-US')} tasks with a 200-byte payload; one server, one worker process over HTTP, no-op handler`,
      `in batches of ${batch} on 4 connections, and again as single POSTs on ${connections} connections`,
      'the clock runs from the first submission until the server says that every task has succeeded',
      'worker: the settings of programs/http-worker.ts',
    ]
  },
  async run(context) {
    const { tasks, connections } = { ...defaults, ...context.options }
    const batches = Array.from({ length: Math.ceil(tasks / batch) }, () => batchBody100)
    const singles = Array.from({ length: tasks }, () => single)
    return [
      await cycle(context, 'batched', batches, batches.length * batch, 4),
      await cycle(context, 'single', singles, tasks, connections),
    ]
  },
}

const batchBody100 = batchBody(batch)
const single = taskBody()

async function cycle(
  { directory, tell }: RunContext,
  submits: 'batched' | 'single',
  bodies: readonly string[],
  tasks: number,
  parallel: number,
): Promise<Figure> {
  const server = await startTaskyard(`${directory}/${submits}`)
  const worker = await startWorker(server.url)
  try {
    const start = performance.now()
    await postInBatches(server.url, bodies, parallel)
    await untilSucceeded(server.url, tasks)
    const rate = (tasks * 1000) / (performance.now() - start)
    tell(`${submits} submits: ${Math.round(rate)} tasks/s`)
    const name = `cycle, ${submits} submits`
    return { name, unit: 'tasks/s', value: rate, target: { atLeast: 8000 } }
  } finally {
    await worker.stop()
    await server.stop()
  }
}
