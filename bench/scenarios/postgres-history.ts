import { fileURLToPath } from 'node:url'
import { quantiles } from '../load/call-rate.ts'
import { fillFinished } from '../load/fill-finished.ts'
import { history } from '../load/history.ts'
import { type DatabaseServer, startPostgres } from '../processes/databases.ts'
import { runProgram } from '../processes/program.ts'
import { startTaskyard } from '../processes/server.ts'
import type { ClaimLatencyOptions, ClaimLatencyResult } from '../programs/claim-latency.ts'
import { median } from '../report/report.ts'
import type { Figure, RunContext, Scenario } from '../scenario.ts'
import { inTurns } from './turns.ts'

const defaults = { finished: 10_000_000, tasks: 2000 }
const rounds = 5
/** Tasks a claim, and how many such claims for one of a single task. */
const sizes = [
  { limit: 1, share: 1 },
  { limit: 100, share: 1 / 4 },
] as const
const requests = 100

/** The first answer of each: queues with their counts, and lists by filters that match many, some, few and no tasks. */
const queries = {
  'GET /api/v1/queues': '/api/v1/queues',
  'tasks, no filter': '/api/v1/tasks?limit=50',
  'tasks that failed': '/api/v1/tasks?status=failed&limit=50',
  'tasks that succeeded': '/api/v1/tasks?status=succeeded&limit=50',
  'tasks by queue and status': `/api/v1/tasks?queue=${history.queues[3]}&status=succeeded&limit=50`,
  'tasks by type': `/api/v1/tasks?type=${history.types[7]}&limit=50`,
  'tasks by rare type': `/api/v1/tasks?type=${history.rareType}&limit=50`,
  'tasks by rare tag': `/api/v1/tasks?tag=${history.rareTag}&limit=50`,
  'tasks by status that none has': '/api/v1/tasks?status=cancelled&limit=50',
  'tasks of a day': `/api/v1/tasks?createdBefore=${daysAgo(2)}&createdAfter=${daysAgo(3)}&type=${history.types[3]}&limit=50`,
} as const

export const postgresHistory: Scenario = {
  name: 'postgres-history',
  summary: 'claims, queues and lists beside ten million finished tasks on PostgreSQL',
  defaultRuns: 1,
  settings(options) {
    const { finished, tasks: claims } = { ...defaults, ...options }
    return [
      `${finished.toLocaleString('en-US')} finished tasks, written through the store over its last ${history.days} days: ` +
        `${history.queues.length} queues, ${history.types.length} types, 1 % failed; then VACUUM ANALYZEd`,
      `claims: ${claims.toLocaleString('en-US')} of one task, and a quarter as many of 100 tasks, one after the other through ` +
        `the store's port; ${rounds} rounds, in turns with an empty database on the same server; the median of their p99`,
      `over HTTP: ${requests} times the first answer of each request, from a server process of its own, after 3 to warm up`,
    ]
  },
  async run(context) {
    const { finished } = { ...defaults, ...context.options }
    const server = await startPostgres()
    for (const condition of server.conditions) context.record(condition)
    try {
      return await server.withDatabase(async (full) => {
        const { seconds } = await fillFinished({ url: full, finished })
        await server.settle(full)
        context.tell(`filled in ${Math.round(seconds)} s`)
        const answers = await measureAnswers(full, context)
        return [...(await measureClaims(server, full, context)), ...answers]
      })
    } finally {
      await server.destroy()
    }
  },
}

/** Beside the history, and in a database that is empty at the start of each round. */
async function measureClaims(
  server: DatabaseServer,
  full: string,
  { tell, options }: RunContext,
): Promise<readonly Figure[]> {
  const { tasks } = { ...defaults, ...options }
  const figures: Figure[] = []
  for (const { limit, share } of sizes) {
    const claims = Math.ceil(tasks * share)
    const p99: Record<'none' | 'full', number[]> = { none: [], full: [] }
    for (let round = 0; round < rounds; round++) {
      await server.withDatabase(async (empty) => {
        for (const [side, url] of inTurns([['none', empty] as const, ['full', full] as const], round))
          p99[side].push((await claimLatency({ url, claims, limit })).p99Ms)
      })
    }
    const [none, beside] = [median(p99.none), median(p99.full)]
    const name = `claim of ${limit} p99`
    tell(`${name}: ${none.toFixed(2)} ms, beside the history ${beside.toFixed(2)} ms`)
    figures.push(
      { name: `${name}, no history`, unit: 'ms', value: none },
      { name: `${name}, beside the history`, unit: 'ms', value: beside },
      { name: `${name}, beside ÷ without`, unit: '×', value: beside / none, target: { atMost: 1.5 } },
    )
  }
  return figures
}

function claimLatency(options: ClaimLatencyOptions): Promise<ClaimLatencyResult> {
  const script = fileURLToPath(new URL('../programs/claim-latency.ts', import.meta.url))
  return runProgram({ script, options })
}

async function measureAnswers(url: string, { directory, tell }: RunContext): Promise<readonly Figure[]> {
  const server = await startTaskyard(directory, {
    store: url,
    settings: { TASKYARD_RETENTION_MEGABYTES: '1000000' },
  })
  try {
    const figures: Figure[] = []
    for (const [name, path] of Object.entries(queries)) {
      const { p50Ms, p99Ms } = await answerTimes(server.url + path)
      tell(`${name}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`)
      figures.push(
        { name: `${name}, p50`, unit: 'ms', value: p50Ms },
        { name: `${name}, p99`, unit: 'ms', value: p99Ms, target: { atMost: 50 } },
      )
    }
    return figures
  } finally {
    await server.stop()
  }
}

async function answerTimes(url: string): Promise<{ p50Ms: number; p99Ms: number }> {
  const times: number[] = []
  for (let n = -3; n < requests; n++) {
    const start = performance.now()
    const answer = await fetch(url)
    const body = await answer.text()
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${body.slice(0, 500)}`)
    if (n >= 0) times.push(performance.now() - start)
  }
  return quantiles(times)
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString()
}
