import { setTimeout as delay } from 'node:timers/promises'
import type { Crew } from './crew.ts'
import { type ChaosOptions, RECOVERY_MS } from './options.ts'
import type { Step } from './plan.ts'
import type { Point, Points } from './points.ts'
import { between, pick } from './seeded-random.ts'
import type { ServerControl } from './server-control.ts'
import type { WorkerControl } from './worker-control.ts'

export interface FaultRun {
  readonly options: ChaosOptions
  readonly server: ServerControl
  readonly crew: Crew
  readonly points: Points
  readonly random: () => number
  /** After each kill. */
  onKill(): void
}

/** How long a point may take to be reached before the kill happens anyway. */
const patienceMs = 3000

/** Does what the plan says, step by step, and brings everything back up after each. */
export async function runFaults(plan: readonly Step[], run: FaultRun): Promise<void> {
  for (const step of plan) {
    if ('afterMs' in step) await delay(step.afterMs)
    switch (step.do) {
      case 'kill-server':
        await killServer(step.point, run)
        break
      case 'kill-worker':
        await killWorker(step.point, run)
        break
      case 'hang-worker':
        await hangWorker(run)
        break
      case 'hang-server':
        await hangServer(run)
        break
      case 'cut-session':
        pick(run.random, await run.crew.well()).cutSession()
        break
      case 'quiet':
        await run.crew.untilWell()
        await delay(quietMs(run.options))
        break
    }
  }
}

/** The server dies at the point and is started again at once. */
async function killServer(point: Point, run: FaultRun): Promise<void> {
  const { server, points, random } = run
  if (point === 'first-start' || point === 'start-up') await killStartingServer(point, run)
  else if (point === 'drain') {
    server.drain('drain')
    await delay(between(random, 0, 100))
    if (!server.kill('drain')) await killNextServer(server)
  } else if (point === 'random') server.kill('random')
  else if (!(await points.await(point, null, patienceMs, () => server.kill(point)))) server.kill('random')
  run.onKill()
  await server.gone()
  server.spawn()
  if (point !== 'first-start') await server.untilReady()
}

/** The drain was over before the kill: the next process takes it. */
async function killNextServer(server: ServerControl): Promise<void> {
  server.spawn()
  await server.untilReady()
  server.kill('random')
}

/** Dies somewhere between its first instruction and its first answer; at the first start it makes its schema then. */
async function killStartingServer(point: 'first-start' | 'start-up', { server, random }: FaultRun): Promise<void> {
  if (point === 'start-up') {
    server.drain('start-up')
    await server.gone()
    server.spawn()
  }
  await delay(between(random, 20, 900))
  server.kill(point)
}

/** A worker dies at the point; another takes its place a moment later. */
async function killWorker(point: Point, run: FaultRun): Promise<void> {
  const { crew, points, random } = run
  const worker = point === 'start-up' ? await crew.startOne() : pick(random, await crew.well())
  if (point === 'start-up') {
    await delay(between(random, 20, 700))
    worker.kill(point)
  } else if (point === 'drain') {
    worker.drain('drain')
    await delay(between(random, 0, 100))
    if (!worker.kill('drain')) {
      await crew.replace(worker, 0)
      return killWorker('random', run)
    }
  } else if (point === 'random') worker.kill('random')
  else if (!(await points.await(point, worker.id, patienceMs, () => worker.kill(point)))) worker.kill('random')
  run.onKill()
  void crew.replace(worker, between(random, 50, 500))
}

/** Stopped until its leases have certainly ended and their tasks run elsewhere; then it goes on, none the wiser. */
async function hangWorker({ crew, points, random, options }: FaultRun): Promise<void> {
  const worker: WorkerControl = pick(random, await crew.well())
  crew.rest(worker, async () => {
    const stop = () => worker.stop('handler-started')
    if (!(await points.await('handler-started', worker.id, patienceMs, stop))) worker.stop('random')
    await delay(options.leaseSeconds * 1000 + RECOVERY_MS + between(random, 100, 1500))
    worker.continue('random')
  })
}

/** All leases end while the server sleeps. */
async function hangServer({ server, random, options }: FaultRun): Promise<void> {
  server.stop('random')
  await delay(options.leaseSeconds * 1000 + between(random, 500, 2000))
  server.continue('random')
}

export function quietMs({ leaseSeconds, sessionGraceSeconds }: ChaosOptions): number {
  return Math.max(leaseSeconds, sessionGraceSeconds) * 1000 + RECOVERY_MS + 500
}
