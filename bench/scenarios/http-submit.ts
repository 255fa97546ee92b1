import { taskBody } from '../load/payload.ts'
import { assertQueued } from '../load/queue-counts.ts'
import { runLoad } from '../load/run-load.ts'
import { cpuSeconds, startBareFastify, startTaskyard } from '../processes/server.ts'
import type { Figure, RunContext, Scenario, ScenarioOptions } from '../scenario.ts'

const defaults = { connections: 100, seconds: 10, warmupSeconds: 3 }

export const httpSubmit: Scenario = {
  name: 'http-submit',
  summary: 'single durable POSTs over keep-alive connections',
  settings(options) {
    const { connections, seconds, warmupSeconds } = { ...defaults, ...options }
    return [
      `POST /api/v1/tasks, one task with a 200-byte payload each, ${connections} keep-alive connections, no pipelining`,
      `${seconds} s measured after ${warmupSeconds} s of warm-up; generator in its own process on the same machine`,
      'every answer 202 means committed and synced; afterwards the server must hold exactly the acknowledged tasks',
      'bare Fastify: the same request in the same run through Fastify alone, parsed and answered, nothing checked or stored',
    ]
  },
  async run(context) {
    const bare = await bareLoad(context, taskBody())
    const figures = await submitLoad(context, taskBody())
    const submitted = figures[0]?.value ?? Number.NaN
    return [
      ...figures,
      { name: 'bare Fastify', unit: 'tasks/s', value: bare },
      { name: 'submitted ÷ bare Fastify', unit: '×', value: submitted / bare },
    ]
  },
}

async function bareLoad({ options }: RunContext, body: string): Promise<number> {
  const { connections, seconds, warmupSeconds } = { ...defaults, ...options }
  const server = await startBareFastify()
  try {
    const load = { port: server.port, path: '/api/v1/tasks', body, status: 202, connections, seconds, warmupSeconds }
    const { answered, seconds: measured } = await runLoad(load)
    return answered / measured
  } finally {
    await server.stop()
  }
}

async function submitLoad({ directory, options, tell }: RunContext, body: string): Promise<readonly Figure[]> {
  const {
    connections,
    seconds,
    warmupSeconds,
  }: Required<Pick<ScenarioOptions, 'connections' | 'seconds' | 'warmupSeconds'>> = { ...defaults, ...options }
  const server = await startTaskyard(directory)
  try {
    const cpuBefore = cpuSeconds(server.pid)
    const load = { port: server.port, path: '/api/v1/tasks', body, status: 202, connections, seconds, warmupSeconds }
    const result = await runLoad(load)
    const serverCpu = cpuSeconds(server.pid) - cpuBefore
    await assertQueued(server.url, result.answeredInAll)
    tell(`${Math.round(result.answered / result.seconds)} tasks/s, p99 ${result.p99Ms.toFixed(1)} ms`)
    return [
      { name: 'submitted', unit: 'tasks/s', value: result.answered / result.seconds, target: { atLeast: 25_000 } },
      { name: 'latency p50', unit: 'ms', value: result.p50Ms },
      { name: 'latency p99', unit: 'ms', value: result.p99Ms, target: { atMost: 25 } },
      { name: 'latency max', unit: 'ms', value: result.maxMs },
      { name: 'server CPU per task', unit: 'µs', value: (serverCpu * 1e6) / result.answeredInAll },
      { name: 'generator CPU', unit: '%', value: result.cpuPercent },
    ]
  } finally {
    await server.stop()
  }
}
