import { fileURLToPath } from 'node:url'
import { runProgram } from '../processes/program.ts'
import { startTaskyard } from '../processes/server.ts'
import type { LatencyOptions, LatencyResult } from '../programs/latency.ts'
import type { Figure, Scenario } from '../scenario.ts'

const defaults = { seconds: 10, warmupSeconds: 5 }
const perSecond = 200

export const latency: Scenario = {
  name: 'latency',
  summary: 'submit to handler start on an idle system, in process and over HTTP',
  settings(options) {
    const { seconds, warmupSeconds } = { ...defaults, ...options }
    return [
      `${perSecond} submissions a second, evenly paced, for ${seconds} s after ${warmupSeconds} s of warm-up; nothing else runs`,
      'from the call of submit() to the first line of the handler, on one clock: submitter and worker share a process',
      'in process: Taskyard.open on SQLite; over HTTP: the server is another process, the worker waits in a long poll',
    ]
  },
  async run({ directory, options, tell }) {
    const { seconds, warmupSeconds } = { ...defaults, ...options }
    const pace = { perSecond, seconds, warmupSeconds }
    const inProcess = await measure({ ...pace, target: { store: `sqlite:${directory}/latency.db` } })
    const server = await startTaskyard(`${directory}/server`)
    try {
      const overHttp = await measure({ ...pace, target: { url: server.url } })
      tell(`p99 ${inProcess.p99Ms.toFixed(2)} ms in process, ${overHttp.p99Ms.toFixed(2)} ms over HTTP`)
      return [...figures('in process', inProcess), ...figures('over HTTP', overHttp)]
    } finally {
      await server.stop()
    }
  },
}

function measure(options: LatencyOptions): Promise<LatencyResult> {
  return runProgram({ script: fileURLToPath(new URL('../programs/latency.ts', import.meta.url)), options })
}

function figures(where: string, result: LatencyResult): readonly Figure[] {
  return [
    { name: `${where} p50`, unit: 'ms', value: result.p50Ms, target: { atMost: 2 } },
    { name: `${where} p99`, unit: 'ms', value: result.p99Ms, target: { atMost: 10 } },
    { name: `${where} max`, unit: 'ms', value: result.maxMs },
  ]
}
