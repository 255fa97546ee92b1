import { fileURLToPath } from 'node:url'
import { batchBody, taskBody } from '../load/payload.ts'
import { runLoad } from '../load/run-load.ts'
import {
  bunqueueBatch,
  bunqueueCallers,
  bunqueueDrain,
  bunqueueJob,
  bunqueueWorker,
  type CallerRates,
  startBunqueue,
} from '../peers/bunqueue.ts'
import { installPeers } from '../peers/install.ts'
import { runProgram } from '../processes/program.ts'
import { startTaskyard } from '../processes/server.ts'
import type { Figure, RunContext, Scenario, ScenarioOptions } from '../scenario.ts'
import { drainWorker, runDrain } from './drain.ts'

const defaults = { tasks: 50_000, connections: 100, seconds: 5, warmupSeconds: 2 }
const batch = 1000
const batchConnections = 8

type Sizes = typeof defaults & ScenarioOptions

export const peersEmbedded: Scenario = {
  name: 'peers-embedded',
  summary: 'the same submits and drain against bunqueue 2.9 on bun, in turns',
  settings(options) {
    const { tasks, connections, seconds, warmupSeconds }: Sizes = { ...defaults, ...options }
    return [
      `same machine, payload (200 bytes), generator and run; who goes first alternates; ${seconds} s each after ${warmupSeconds} s`,
      `HTTP: single POSTs on ${connections} keep-alive connections, batches of ${batch} on ${batchConnections}`,
      `library: ${connections} concurrent callers of submit()/add(), batches of ${batch} from 4 callers`,
      'Taskyard: its defaults; every answer is synced to disk (SQLite synchronous=FULL)',
      'bunqueue durable: durable: true, written before the answer but not synced (its SQLite runs synchronous=NORMAL)',
      'bunqueue buffered: its default, answers before the write, up to 10 ms of jobs in memory only',
      'bunqueue over TCP: its own client and protocol, automatic batching on (which durable jobs bypass)',
      `drain: ${tasks.toLocaleString('en-US')} tasks in one process, no-op handler, results kept; Taskyard worker ` +
        `${JSON.stringify(drainWorker)}, bunqueue worker ${JSON.stringify(bunqueueWorker)}`,
    ]
  },
  async run(context) {
    const { bun } = installPeers()
    const measured = new Map<string, number>()
    const turns = [() => taskyardTurn(context, measured), () => bunqueueTurn(context, bun, measured)]
    for (const turn of context.run % 2 === 0 ? turns : turns.toReversed()) await turn()
    return figures(measured)
  },
}

async function taskyardTurn(context: RunContext, measured: Map<string, number>): Promise<void> {
  const { connections, seconds, warmupSeconds, tasks }: Sizes = { ...defaults, ...context.options }
  const directory = `${context.directory}/taskyard`
  const server = await startTaskyard(directory)
  try {
    const load = { port: server.port, status: 202, seconds, warmupSeconds }
    const single = await runLoad({ ...load, path: '/api/v1/tasks', body: taskBody(), connections })
    measured.set('http single: taskyard', single.answered / single.seconds)
    const path = '/api/v1/tasks/batch'
    const many = await runLoad({ ...load, path, body: batchBody(batch), connections: batchConnections })
    measured.set('http batch: taskyard', (many.answered * batch) / many.seconds)
  } finally {
    await server.stop()
  }
  const script = fileURLToPath(new URL('../programs/submit.ts', import.meta.url))
  const options = { path: `${directory}/library.db`, callers: connections, batch, seconds, warmupSeconds }
  const library = await runProgram<CallerRates>({ script, options })
  measured.set('library single: taskyard', library.singles.perSecond)
  measured.set('library batch: taskyard', library.batches.perSecond)
  measured.set('drain: taskyard', (await runDrain({ ...context, directory }, tasks)).drainedPerSecond)
  context.tell('taskyard measured')
}

async function bunqueueTurn(context: RunContext, bun: string, measured: Map<string, number>): Promise<void> {
  const { connections, seconds, warmupSeconds, tasks }: Sizes = { ...defaults, ...context.options }
  for (const mode of ['durable', 'buffered'] as const) {
    const durable = mode === 'durable'
    const directory = `${context.directory}/bunqueue-${mode}`
    const server = await startBunqueue(bun, directory)
    const calls = { durable, callers: connections, batch, seconds, warmupSeconds }
    try {
      const load = { port: server.port, status: 200, seconds, warmupSeconds }
      const single = await runLoad({ ...load, path: '/queues/bench/jobs', body: bunqueueJob(durable), connections })
      measured.set(`http single: bunqueue ${mode}`, single.answered / single.seconds)
      const [path, body] = ['/queues/bench/jobs/bulk', bunqueueBatch(batch, durable)]
      const many = await runLoad({ ...load, path, body, connections: batchConnections })
      measured.set(`http batch: bunqueue ${mode}`, (many.answered * batch) / many.seconds)
      const connection = { host: '127.0.0.1', port: server.tcpPort }
      const tcp = await bunqueueCallers(bun, { ...calls, connection })
      measured.set(`tcp single: bunqueue ${mode}`, tcp.singles.perSecond)
      measured.set(`tcp batch: bunqueue ${mode}`, tcp.batches.perSecond)
    } finally {
      await server.stop()
    }
    const library = await bunqueueCallers(bun, { ...calls, dataPath: `${directory}/library.db` })
    measured.set(`library single: bunqueue ${mode}`, library.singles.perSecond)
    measured.set(`library batch: bunqueue ${mode}`, library.batches.perSecond)
    const drained = await bunqueueDrain(bun, { dataPath: `${directory}/drain.db`, tasks, batch, durable })
    measured.set(`drain: bunqueue ${mode}`, drained.drainedPerSecond)
    context.tell(`bunqueue ${mode} measured`)
  }
}

/** Every rate, and for each of bunqueue's how many times Taskyard's it is beaten by. */
function figures(measured: ReadonlyMap<string, number>): readonly Figure[] {
  const rates = [...measured].toSorted(([a], [b]) => a.localeCompare(b))
  return rates.flatMap(([name, value]): Figure[] => {
    const rate: Figure = { name, unit: 'tasks/s', value }
    const [operation, peer] = name.split(': ') as [string, string]
    if (peer === 'taskyard') return [rate]
    const own = measured.get(`${operation.replace('tcp', 'http')}: taskyard`)
    if (own === undefined || value === 0) return [rate]
    return [rate, { name: `${operation}: taskyard over ${peer}`, unit: '×', value: own / value }]
  })
}
