import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseControl } from './database-control.ts'
import type { CallParties, FaultPoint, FaultPoints } from './fault-points.ts'
import { type ChaosOptions, NODE_GRACE_MS, RECOVERY_MS } from './options.ts'
import type { Step } from './plan.ts'
import { between, pick } from './seeded-random.ts'
import type { ServerControl } from './server-control.ts'
import { untilNoSuspectRuns } from './suspects.ts'
import type { WorkerControl } from './worker-control.ts'
import type { WorkerPool } from './worker-pool.ts'

export interface FaultRun {
  readonly options: ChaosOptions
  readonly servers: readonly ServerControl[]
  /** `null`: SQLite. */
  readonly database: DatabaseControl | null
  readonly pool: WorkerPool
  readonly faultPoints: FaultPoints
  readonly random: () => number
  /** After each kill. */
  onKill(): void
  /** After each step. */
  onStep(step: Step): void
}

/** How long a point may take to be reached before the kill happens anyway. */
const pointTimeoutMs = 3000

/** Does what the plan says, step by step, and brings everything back up after each. */
export async function runFaults(plan: readonly Step[], run: FaultRun): Promise<void> {
  for (const step of plan) {
    if ('afterMs' in step) await delay(step.afterMs)
    if (/server|worker/.test(step.do)) await untilNoSuspectRuns(run.servers)
    await takeStep(step, run)
    run.onStep(step)
  }
}

async function takeStep(step: Step, run: FaultRun): Promise<void> {
  switch (step.do) {
    case 'kill-server':
      return killServer(step.point, step.all, run)
    case 'kill-worker':
      return killWorker(step.point, run)
    case 'kill-database':
      return killDatabase(step.point, step.downMs, run)
    case 'restart-database':
      return databaseOf(run).restart(step.downMs)
    case 'hang-worker':
      return hangWorker(run)
    case 'hang-server':
      return hangServer(run)
    case 'hang-database':
      return hangDatabase(step.forMs, run)
    case 'cut-session':
      return pick(run.random, await run.pool.healthy()).cutSession()
    case 'quiet':
      await run.pool.untilHealthy()
      await delay(run.options.quietMs)
  }
}

/** A server dies at the point (or all of them) and is started again at once. */
async function killServer(point: FaultPoint, all: boolean, run: FaultRun): Promise<void> {
  const server = await killOneServer(point, run)
  const dead = all ? [server, ...run.servers.filter((other) => other !== server && other.kill(point))] : [server]
  await Promise.all(
    dead.map(async (server) => {
      run.onKill()
      await server.gone()
      server.spawn()
      if (point !== 'first-start') await server.untilReady()
    }),
  )
}

async function killOneServer(point: FaultPoint, run: FaultRun): Promise<ServerControl> {
  const { faultPoints, random } = run
  const server = pick(random, run.servers)
  if (point === 'first-start' || point === 'start-up') await killStartingServer(server, point, run)
  else if (point === 'drain') {
    server.drain('drain')
    await delay(between(random, 0, 100))
    if (!server.kill('drain')) await killNextServer(server)
  } else if (point === 'random') server.kill('random')
  else {
    let reached = server
    const kill = (parties: CallParties) => {
      reached = run.servers.find(({ name }) => name === parties.server) ?? server
      reached.kill(point)
    }
    if (await faultPoints.await(point, null, pointTimeoutMs, kill)) return reached
    server.kill('random')
  }
  return server
}

/** The drain was over before the kill: the next process takes it. */
async function killNextServer(server: ServerControl): Promise<void> {
  server.spawn()
  await server.untilReady()
  server.kill('random')
}

/** Dies somewhere between its first instruction and its first answer; at the first start it makes its schema then. */
async function killStartingServer(
  server: ServerControl,
  point: 'first-start' | 'start-up',
  { random }: FaultRun,
): Promise<void> {
  if (point === 'start-up') {
    server.drain('start-up')
    await server.gone()
    server.spawn()
  }
  await delay(between(random, 20, 900))
  server.kill(point)
}

/** A worker dies at the point; another takes its place a moment later. */
async function killWorker(point: FaultPoint, run: FaultRun): Promise<void> {
  const { pool, faultPoints, random } = run
  const worker = point === 'start-up' ? await pool.startOne() : pick(random, await pool.healthy())
  if (point === 'start-up') {
    await delay(between(random, 20, 700))
    worker.kill(point)
  } else if (point === 'drain') {
    worker.drain('drain')
    await delay(between(random, 0, 100))
    if (!worker.kill('drain')) {
      await pool.replace(worker, 0)
      return killWorker('random', run)
    }
  } else if (point === 'random') worker.kill('random')
  else if (!(await faultPoints.await(point, worker.id, pointTimeoutMs, () => worker.kill(point)))) worker.kill('random')
  run.onKill()
  void pool.replace(worker, between(random, 50, 500))
}

/** The database dies at the point and comes back after a while. */
async function killDatabase(point: FaultPoint, downMs: number, run: FaultRun): Promise<void> {
  const { faultPoints, random } = run
  const database = databaseOf(run)
  if (point === 'start-up' || point === 'drain') await killDatabaseOfServer(point, downMs, run)
  else if (point === 'random') await database.kill('random', downMs)
  else if (point === 'first-start') {
    await delay(between(random, 20, 900))
    await database.kill('first-start', downMs)
  } else {
    let back: Promise<void> | null = null
    const kill = () => {
      back = database.kill(point, downMs)
    }
    await faultPoints.await(point, null, pointTimeoutMs, kill)
    await (back ?? database.kill('random', downMs))
  }
  run.onKill()
}

/** Dies while a server starts, or while it drains. */
async function killDatabaseOfServer(point: 'start-up' | 'drain', downMs: number, run: FaultRun): Promise<void> {
  const { random } = run
  const server = pick(random, run.servers)
  server.drain(point)
  if (point === 'start-up') {
    await server.gone()
    server.spawn()
  }
  await delay(point === 'start-up' ? between(random, 20, 900) : between(random, 0, 100))
  await databaseOf(run).kill(point, downMs)
  if (point === 'drain') {
    await server.gone()
    server.spawn()
  }
  await server.untilReady()
}

/** Stopped until its leases have certainly ended and their tasks run elsewhere; then it goes on, none the wiser. */
async function hangWorker({ pool, faultPoints, random, options }: FaultRun): Promise<void> {
  const worker: WorkerControl = pick(random, await pool.healthy())
  pool.exclude(worker, async () => {
    const stop = () => worker.stop('handler-started')
    if (!(await faultPoints.await('handler-started', worker.id, pointTimeoutMs, stop))) worker.stop('random')
    await delay(options.leaseSeconds * 1000 + RECOVERY_MS + between(random, 100, 1500))
    worker.continue('random')
  })
}

/** Its leases end while it sleeps; where there are other servers, they take it for dead. */
async function hangServer({ servers, random, options }: FaultRun): Promise<void> {
  const server = pick(random, servers)
  const least = servers.length > 1 ? Math.max(options.leaseSeconds * 1000, NODE_GRACE_MS) : options.leaseSeconds * 1000
  server.stop('random')
  await delay(least + between(random, 500, 2000))
  server.continue('random')
}

async function hangDatabase(forMs: number, run: FaultRun): Promise<void> {
  const database = databaseOf(run)
  database.stop('random')
  await delay(forMs)
  database.continue('random')
}

function databaseOf({ database }: FaultRun): DatabaseControl {
  if (database === null) throw new Error('this store has no database server')
  return database
}
