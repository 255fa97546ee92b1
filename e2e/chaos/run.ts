import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { check, type Verdict } from './checker.ts'
import { countWaiting } from './count-waiting.ts'
import { type DatabaseControl, startDatabase } from './database-control.ts'
import { createFaultPoints } from './fault-points.ts'
import { runFaults } from './faults.ts'
import { freePorts } from './free-port.ts'
import { monotonicMs, openHistory, readHistory, type WriteHistory, writeWhole } from './history.ts'
import { keepAlive } from './http-call.ts'
import { type LoadProgress, runLoad } from './load.ts'
import { createLoadRate } from './load-rate.ts'
import { observe } from './observer.ts'
import { type ChaosOptions, NODE_GRACE_MS, OUTAGE_MS, RECOVERY_MS } from './options.ts'
import { planFaults, type Step } from './plan.ts'
import { startProxy } from './proxy.ts'
import { readBack, untilIdle } from './read-back.ts'
import { seededRandom } from './seeded-random.ts'
import { createServerControl, type ServerControl } from './server-control.ts'
import { historyOf, startWorkerProcess } from './worker-control.ts'
import { createWorkerPool } from './worker-pool.ts'

export interface ChaosResult {
  readonly verdict: Verdict
  readonly history: string
  readonly seconds: number
}

/** How long everything may take to come to its end once nothing more is done to it. */
const idleWithinMs = 180_000

/** One whole run: load, faults, read-back, verdict. Leaves the history as `history.jsonl` in the directory. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const start = monotonicMs()
  mkdirSync(options.directory, { recursive: true })
  for (const path of partsIn(options.directory)) rmSync(path)
  const history = openHistory(historyOf(options.directory, 'observer'))
  try {
    await runWithDatabase(options, history.write)
  } finally {
    history.close()
  }
  const whole = mergeHistories(options.directory)
  const verdict = check(readHistory([whole]))
  return { verdict, history: whole, seconds: (monotonicMs() - start) / 1000 }
}

async function runWithDatabase(options: ChaosOptions, write: WriteHistory): Promise<void> {
  writeRun(options, write)
  const database = await startDatabase(options, write)
  try {
    await runOn(database, options, write)
  } finally {
    await database?.destroy()
  }
}

async function runOn(database: DatabaseControl | null, options: ChaosOptions, writeEvent: WriteHistory): Promise<void> {
  const { seed, log, kills } = options
  const progress: LoadProgress = { acknowledged: 0 }
  const waiting = countWaiting()
  const write: WriteHistory = (event) => {
    waiting.add(event)
    writeEvent(event)
  }
  // One stream of numbers each, so that the plan does not depend on what the others have drawn.
  const [planning, working, loading, cutting] = [0, 1, 2, 3].map((n) => seededRandom(seed * 4 + n)) as Streams
  const faultPoints = createFaultPoints()
  const plan = planFaults({ kills, servers: options.servers, database: database !== null, random: planning })
  const servers = await createServers(database?.url ?? `sqlite:${options.directory}/taskyard.db`, options, write)
  const loadRate = createLoadRate({ plan, options, progress, waiting: waiting.count })
  const faults = {
    options,
    servers,
    database,
    faultPoints,
    random: working,
    onKill: loadRate.onKill,
    onStep: loadRate.onStep,
  }

  for (const server of servers) server.spawn()
  await runFaults(plan.filter(isFirstStart), { ...faults, pool: await createWorkerPool(0, neverStarted) })
  for (const server of servers) await server.untilReady()
  log(`serving after ${plan.filter(isFirstStart).length} kills during the first start`)

  const random = cutting
  const pool = await createWorkerPool(options.workers, (id, number) =>
    startWorkerProcess({ id, options, route: () => preferring(servers, number), write, faultPoints, random }),
  )
  const anyServer = () => preferring(servers, Math.floor(cutting() * servers.length))
  const proxy = await startProxy(anyServer, observe({ worker: null, write, faultPoints, random, cutShare: 0.002 }))
  const agent = keepAlive()
  const direct = { url: `http://127.0.0.1:${servers[0]?.port}`, agent }
  await pool.healthy()
  loadRate.start()
  const load = runLoad(
    { url: proxy.url, agent, tasks: options.tasks, random: loading, write, rate: loadRate.perSecond },
    progress,
  )
  await Promise.all([
    runFaults(
      plan.filter((step) => !isFirstStart(step)),
      { ...faults, pool },
    ).then(loadRate.onFaultsOver),
    load,
  ])
  await pool.untilHealthy()
  log('no more faults; waiting for the last tasks')
  await readBackWhenIdle({ direct, servers, log }, write)
  await pool.stop()
  await proxy.close()
  for (const server of servers) server.drain('random')
  await Promise.all(servers.map((server) => server.gone()))
  agent.destroy()
}

interface ReadBackParams {
  readonly direct: Parameters<typeof readBack>[0]
  readonly servers: readonly ServerControl[]
  log(line: string): void
}

/** Writes the last lines of the history: how every task ended, or that some are still open. */
async function readBackWhenIdle({ direct, servers, log }: ReadBackParams, write: WriteHistory): Promise<void> {
  const open = await untilIdle(direct, idleWithinMs)
  if (open > 0) log(`${open} tasks are still open`)
  await readBack(direct, servers, write)
  write({ e: 'end', at: monotonicMs() })
}

function writeRun(
  { store, seed, leaseSeconds, sessionGraceSeconds, limitFactor = 1 }: ChaosOptions,
  write: WriteHistory,
): void {
  write({
    e: 'run',
    at: monotonicMs(),
    seed,
    leaseMs: leaseSeconds * 1000,
    sessionGraceMs: sessionGraceSeconds * 1000,
    recoveryMs: RECOVERY_MS * limitFactor,
    nodeGraceMs: store === 'sqlite' ? null : NODE_GRACE_MS,
    outageMs: OUTAGE_MS * limitFactor,
  })
}

async function createServers(storeUrl: string, options: ChaosOptions, write: WriteHistory) {
  const { directory, sessionGraceSeconds } = options
  const ports = await freePorts(options.servers)
  return ports.map((port, index) =>
    createServerControl({ name: `server-${index + 1}`, port, directory, storeUrl, sessionGraceSeconds, write }),
  )
}

/** As behind a load balancer: each caller has a server that it is sent to, and the others where that one refuses. */
function preferring(servers: readonly ServerControl[], number: number): readonly ServerControl[] {
  const first = number % servers.length
  return [...servers.slice(first), ...servers.slice(0, first)]
}

type Streams = [() => number, () => number, () => number, () => number]

function isFirstStart(step: Step): boolean {
  return 'point' in step && step.point === 'first-start'
}

function neverStarted(): Promise<never> {
  return Promise.reject(new Error('no worker runs during the first start'))
}

function partsIn(directory: string): readonly string[] {
  const parts = readdirSync(directory).filter((name) => /^history-.*\.jsonl$/.test(name))
  return parts.map((name) => `${directory}/${name}`)
}

function mergeHistories(directory: string): string {
  const paths = partsIn(directory)
  const whole = `${directory}/history.jsonl`
  rmSync(whole, { force: true })
  writeWhole(whole, readHistory(paths))
  for (const path of paths) rmSync(path)
  return whole
}
