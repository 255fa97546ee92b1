import { batchBody, taskBody } from '../load/payload.ts'
import { untilSucceeded } from '../load/queue-counts.ts'
import { runLoad } from '../load/run-load.ts'
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
    return [
      await cycle(context, 'batched', Math.ceil(tasks / batch), 4),
      await cycle(context, 'single', tasks, connections),
    ]
  },
}

const loads = {
  batched: { path: '/api/v1/tasks/batch', body: batchBody(batch), tasksEach: batch },
  single: { path: '/api/v1/tasks', body: taskBody(), tasksEach: 1 },
} as const

async function cycle(
  { directory, tell }: RunContext,
  submits: keyof typeof loads,
  requests: number,
  connections: number,
): Promise<Figure> {
  const { path, body, tasksEach } = loads[submits]
  const tasks = requests * tasksEach
  const server = await startTaskyard(`${directory}/${submits}`)
  const worker = await startWorker(server.url)
  try {
    const load = { port: server.port, path, body, status: 202, connections, requests, seconds: 0, warmupSeconds: 0 }
    const { startedAt } = await runLoad(load)
    await untilSucceeded(server.url, tasks)
    const rate = (tasks * 1000) / (performance.timeOrigin + performance.now() - startedAt)
    tell(`${submits} submits: ${Math.round(rate)} tasks/s`)
    return { name: `cycle, ${submits} submits`, unit: 'tasks/s', value: rate, target: { atLeast: 8000 } }
  } finally {
    await worker.stop()
    await server.stop()
  }
}
