import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FaultPoint, FaultPoints } from './fault-points.ts'
import { monotonicMs, type WriteHistory } from './history.ts'
import { observe } from './observer.ts'
import type { ChaosOptions } from './options.ts'
import { type ProxiedCall, type Route, startProxy } from './proxy.ts'

/** One remote worker process behind a proxy of its own. */
export interface WorkerControl {
  readonly id: string
  /** Whether it has begun to ask for tasks. */
  ready(): boolean
  /** Says whether there was still something to kill. */
  kill(point: FaultPoint): boolean
  stop(point: FaultPoint): void
  continue(point: FaultPoint): void
  drain(point: FaultPoint): void
  /** Breaks its session, which it has to open again. */
  cutSession(): void
  /** Resolves when the process is gone and its proxy closed. */
  gone(): Promise<void>
}

export interface WorkerSettings {
  readonly id: string
  readonly options: ChaosOptions
  readonly route: Route
  readonly write: WriteHistory
  readonly faultPoints: FaultPoints
  readonly random: () => number
}

const program = fileURLToPath(new URL('./worker-program.ts', import.meta.url))
const cutShare = 0.002

export async function startWorkerProcess(settings: WorkerSettings): Promise<WorkerControl> {
  const { id, options, route, write, faultPoints, random } = settings
  const tap = observe({ worker: id, write, faultPoints, random, cutShare })
  let ready = false
  const onSent = (call: ProxiedCall) => {
    ready ||= call.path === '/api/v1/leases'
    tap.onSent(call)
  }
  const proxy = await startProxy(route, { ...tap, onSent })
  const history = historyOf(options.directory, id)
  const told = JSON.stringify({ url: proxy.url, workerId: id, history, leaseSeconds: options.leaseSeconds })
  const child = fork(program, [told], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.on('message', () => faultPoints.reach('handler-started', { worker: id, server: null }))
  const killOnExit = () => void child.kill('SIGKILL')
  process.once('exit', killOnExit)
  let isExpectedToEnd = false
  const exited = once(child, 'exit').then(([code, signal]) => {
    process.off('exit', killOnExit)
    if (!isExpectedToEnd) write({ e: 'crash', at: monotonicMs(), target: id, how: `${signal ?? `exit code ${code}`}` })
  })

  const fault = (kind: 'kill' | 'stop' | 'continue' | 'drain', signal: NodeJS.Signals, point: FaultPoint): boolean => {
    if (child.exitCode !== null || child.signalCode !== null) return false
    isExpectedToEnd ||= kind === 'kill' || kind === 'drain'
    write({ e: 'fault', at: monotonicMs(), kind, target: id, point })
    return child.kill(signal)
  }
  return {
    id,
    ready: () => ready,
    kill: (point) => fault('kill', 'SIGKILL', point),
    stop: (point) => void fault('stop', 'SIGSTOP', point),
    continue: (point) => void fault('continue', 'SIGCONT', point),
    drain: (point) => void fault('drain', 'SIGTERM', point),
    cutSession() {
      write({ e: 'fault', at: monotonicMs(), kind: 'cut', target: id, point: 'session' })
      proxy.cutStreams()
    },
    async gone() {
      await exited
      await proxy.close()
    },
  }
}

export function historyOf(directory: string, name: string): string {
  return `${directory}/history-${name}.jsonl`
}
