import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { check, type Verdict } from './checker.ts'
import { createCrew } from './crew.ts'
import { runFaults } from './faults.ts'
import { monotonicMs, openHistory, readHistory, writeWhole } from './history.ts'
import { keepAlive } from './http-post.ts'
import { type LoadProgress, runLoad } from './load.ts'
import { observe } from './observer.ts'
import { type ChaosOptions, RECOVERY_MS } from './options.ts'
import { planFaults, type Step } from './plan.ts'
import { createPoints } from './points.ts'
import { startProxy } from './proxy.ts'
import { readBack, untilCalm } from './read-back.ts'
import { seededRandom } from './seeded-random.ts'
import { createServerControl } from './server-control.ts'
import { historyOf, startWorkerProcess } from './worker-control.ts'

export interface ChaosResult {
  readonly verdict: Verdict
  readonly history: string
  readonly seconds: number
}

/** How long everything may take to come to its end once nothing more is done to it. */
const calmMs = 180_000

/** One whole run: load, faults, read-back, verdict. Leaves the history as `history.jsonl` in the directory. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const start = monotonicMs()
  mkdirSync(options.directory, { recursive: true })
  const history = openHistory(historyOf(options.directory, 'observer'))
  try {
    await act(options, history.write)
  } finally {
    history.close()
  }
  const whole = mergeHistories(options.directory)
  const verdict = check(readHistory([whole]))
  return { verdict, history: whole, seconds: (monotonicMs() - start) / 1000 }
}

async function act(options: ChaosOptions, write: ReturnType<typeof openHistory>['write']): Promise<void> {
  const { seed, tell, sessionGraceSeconds, leaseSeconds } = options
  // One stream of numbers each, so that the plan does not depend on what the others have drawn.
  const [planning, working, loading, cutting] = [0, 1, 2, 3].map((n) => seededRandom(seed * 4 + n)) as Streams
  write({
    e: 'run',
    at: monotonicMs(),
    seed,
    leaseMs: leaseSeconds * 1000,
    sessionGraceMs: sessionGraceSeconds * 1000,
    recoveryMs: RECOVERY_MS,
  })
  const points = createPoints()
  const plan = planFaults(options.kills, planning)
  const server = createServerControl({
    directory: options.directory,
    port: await freePort(),
    sessionGraceSeconds,
    write,
  })
  const progress: LoadProgress = { acknowledged: 0 }
  const pace = createPacer(options, progress)
  const faults = { options, server, points, random: working, onKill: pace.onKill }

  server.spawn()
  await runFaults(plan.filter(isFirstStart), { ...faults, crew: await createCrew(0, neverStarted) })
  await server.untilReady()
  tell(`serving after ${plan.filter(isFirstStart).length} kills during the first start`)

  const random = cutting
  const crew = await createCrew(options.workers, (id) =>
    startWorkerProcess({ id, options, serverPort: server.port, write, points, random }),
  )
  const proxy = await startProxy(server.port, observe({ worker: null, write, points, random, cutShare: 0.002 }))
  const agent = keepAlive()
  const direct = { url: `http://127.0.0.1:${server.port}`, agent }
  pace.start()
  const load = runLoad(
    { url: proxy.url, agent, tasks: options.tasks, random: loading, write, rate: pace.rate },
    progress,
  )
  await Promise.all([
    runFaults(
      plan.filter((step) => !isFirstStart(step)),
      { ...faults, crew },
    ).then(pace.hurry),
    load,
  ])
  await crew.untilWell()
  tell('no more faults; waiting for the last tasks')
  const open = await untilCalm(direct, calmMs)
  if (open > 0) tell(`${open} tasks are still open`)
  await readBack(direct, write)
  write({ e: 'end', at: monotonicMs() })
  await crew.stop()
  await proxy.close()
  server.drain('random')
  await server.gone()
  agent.destroy()
}

type Streams = [() => number, () => number, () => number, () => number]

function isFirstStart(step: Step): boolean {
  return step.do === 'kill-server' && step.point === 'first-start'
}

function neverStarted(): Promise<never> {
  return Promise.reject(new Error('no worker runs during the first start'))
}

/** Makes load and faults end together: the rate follows the kills that are left and the time they have taken so far. */
function createPacer({ kills, tell }: ChaosOptions, progress: LoadProgress) {
  let killed = 0
  let startedAt = monotonicMs()
  let killedBefore = 0
  let hurry = false
  return {
    start() {
      startedAt = monotonicMs()
      killedBefore = killed
    },
    onKill() {
      killed += 1
      if (killed % 10 === 0) tell(`${killed} kills, ${progress.acknowledged} tasks acknowledged`)
    },
    hurry() {
      hurry = true
    },
    rate(tasksLeft: number) {
      if (hurry) return 500
      const secondsPerKill = Math.max(1, (monotonicMs() - startedAt) / 1000 / Math.max(1, killed - killedBefore))
      return Math.min(400, Math.max(10, tasksLeft / (Math.max(1, kills - killed) * Math.min(4, secondsPerKill))))
    },
  }
}

function mergeHistories(directory: string): string {
  const parts = readdirSync(directory).filter((name) => /^history-.*\.jsonl$/.test(name))
  const paths = parts.map((name) => `${directory}/${name}`)
  const whole = `${directory}/history.jsonl`
  rmSync(whole, { force: true })
  writeWhole(whole, readHistory(paths))
  for (const path of paths) rmSync(path)
  return whole
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
