// A server under steady load for a long time: what it keeps must stay level. `npm run soak -- [--store sqlite] [--minutes 20]`.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '@taskyard/client'
import { TaskFailure } from '@taskyard/core'
import { type ServerKind, startServer } from '@taskyard/test-servers'
import { programOptions } from '../support/program-options.ts'
import { newStoreOn, storeSettings } from '../support/store-urls.ts'
import { startServerProcess } from '../support/taskyard-process.ts'
import { growths, isBounded, type Sample } from './verdict.ts'

const KINDS = ['sqlite', 'postgres', 'redis', 'mongodb']
const USAGE = `usage, on Linux: npm run soak -- [--store ${KINDS.join('|')}] [--minutes 20] [--rate 100]`
const { values } = programOptions(USAGE, {
  options: {
    store: { type: 'string', default: 'sqlite' },
    minutes: { type: 'string', default: '20' },
    rate: { type: 'string', default: '100' },
  },
})
const [minutes, rate] = [Number(values.minutes), Number(values.rate)]
if (!KINDS.includes(values.store) || !(minutes > 0) || !(rate >= 10) || process.platform !== 'linux') {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
// An interrupted run must not leave its processes behind: 'exit' handlers kill them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const SAMPLES = 100
/** Finished tasks go within a minute, so that removing them is part of the load. */
const RETENTION_DAYS = String(45 / 86_400)

const folder = mkdtempSync(join(tmpdir(), 'taskyard-soak-'))
const database = values.store === 'sqlite' ? null : await startServer(values.store as ServerKind)
const store =
  database === null
    ? { TASKYARD_STORE: `sqlite:${join(folder, 'soak.db')}`, TASKYARD_PORT: '0' }
    : storeSettings(values.store as ServerKind, newStoreOn(values.store as ServerKind, database.url))
const retention = { TASKYARD_RETENTION_DAYS: RETENTION_DAYS, TASKYARD_RETENTION_FAILED_DAYS: RETENTION_DAYS }
const server = await startServerProcess({ env: { ...retention, ...store }, showsErrors: true })
const client = new Client({ url: server.url })
const until = performance.now() + minutes * 60_000
const isOver = () => performance.now() >= until
const errors = new Set<string>()
const onError = (error: unknown, during: string) => void errors.add(`${during}: ${error}`)
let submitted = 0

const worker = client.work(
  {
    soak: async (task, context) => {
      const { n } = task.payload as { n: number }
      context.log(`line ${n}`)
      context.progress({ n })
      if (n % 50 === 0 && task.attempt === 1) throw new TaskFailure('not yet', { retryDelaySeconds: 1 })
      return { n, text: 'x'.repeat(500) }
    },
  },
  { concurrency: 20, onError },
)

const [samples] = await Promise.all([takeSamples(), submitSteadily(), changeWorkers(), readAround()])
await worker.stop()
await client.close()
await server.stop()
await database?.destroy()
rmSync(folder, { recursive: true })

console.log(`${submitted} tasks in ${minutes} minutes on ${values.store}`)
for (const growth of growths(samples)) {
  const { what, before, after, limit } = growth
  const shown = [before, after, limit].map((value) => Math.round(value).toLocaleString('en')) as [
    string,
    string,
    string,
  ]
  console.log(
    `${isBounded(growth) ? 'level' : 'GROWS'}  ${what.padEnd(14)} ${shown[0]} → ${shown[1]} (limit ${shown[2]})`,
  )
}
for (const error of errors) console.log(`ERROR  ${error}`)
process.exitCode = growths(samples).every(isBounded) && errors.size === 0 ? 0 : 1

async function submitSteadily(): Promise<void> {
  while (!isOver()) {
    const startedAt = performance.now()
    const batch = Array.from({ length: Math.round(rate / 10) }, () => ({ type: 'soak', payload: { n: submitted++ } }))
    await client.submitMany(batch)
    await delay(Math.max(0, 100 - (performance.now() - startedAt)))
  }
}

/** Workers that come and go, each with a session and long polls that break off. */
async function changeWorkers(): Promise<void> {
  while (!isOver()) {
    const passing = client.work({ 'nobody-submits-this': () => null }, { onError })
    await delay(3000)
    await passing.stop()
  }
}

/** Waits, event streams and lists, some of which are given up. */
async function readAround(): Promise<void> {
  while (!isOver()) {
    const task = await client.submit('soak', { n: 1 })
    await Promise.all([client.wait(task, { timeoutSeconds: 30 }), firstEvent(task.id), client.list({ limit: 200 })])
    await client.queues()
    await delay(500)
  }
}

async function firstEvent(id: string): Promise<void> {
  for await (const _ of client.watch(id)) return
}

async function takeSamples(): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  while (!isOver()) {
    samples.push(await sample())
    await delay((minutes * 60_000) / SAMPLES)
  }
  return samples
}

async function sample(): Promise<Sample> {
  const startedAt = performance.now()
  await client.submit('soak', { n: 1 })
  const submitMs = performance.now() - startedAt
  const [queues, health] = await Promise.all([
    client.queues(),
    fetch(`${server.url}/health`).then(
      (answer) => answer.json() as Promise<{ dependencies: { store: { sizeBytes: number | null } } }>,
    ),
  ])
  const unfinished = queues.reduce((sum, { counts }) => sum + counts.queued + counts.scheduled + counts.running, 0)
  return {
    residentBytes: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))?.[1]) * 1024,
    openFiles: readdirSync(`/proc/${server.child.pid}/fd`).length,
    storeBytes: health.dependencies.store.sizeBytes,
    unfinished,
    submitMs,
  }
}
