import { batchBody } from '../load/payload.ts'
import { assertQueued } from '../load/queue-counts.ts'
import { runLoad } from '../load/run-load.ts'
import { startTaskyard } from '../processes/server.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'

const defaults = { connections: 8, seconds: 10, warmupSeconds: 2 }
const batch = 1000

export const httpBatch: Scenario = {
  name: 'http-batch',
  summary: 'durable batches of 1,000 over HTTP',
  settings(options) {
    const { connections, seconds, warmupSeconds } = { ...defaults, ...options }
    return [
      `POST /api/v1/tasks/batch, ${batch} tasks with a 200-byte payload each, ${connections} keep-alive connections`,
      `${seconds} s measured after ${warmupSeconds} s of warm-up; generator in its own process on the same machine`,
      'each batch is all or nothing and synced before its 202; afterwards the server must hold exactly the acknowledged tasks',
    ]
  },
  async run({ directory, options, tell }: RunContext): Promise<readonly Figure[]> {
    const { connections, seconds, warmupSeconds } = { ...defaults, ...options }
    const server = await startTaskyard(directory)
    try {
      const path = '/api/v1/tasks/batch'
      const body = batchBody(batch)
      const result = await runLoad({ port: server.port, path, body, status: 202, connections, seconds, warmupSeconds })
      await assertQueued(server.url, result.answeredInAll * batch)
      tell(`${Math.round((result.answered * batch) / result.seconds)} tasks/s`)
      return [
        { name: 'submitted', unit: 'tasks/s', value: (result.answered * batch) / result.seconds },
        { name: 'batch latency p50', unit: 'ms', value: result.p50Ms },
        { name: 'batch latency p99', unit: 'ms', value: result.p99Ms },
        { name: 'batch latency max', unit: 'ms', value: result.maxMs },
      ]
    } finally {
      await server.stop()
    }
  },
}
