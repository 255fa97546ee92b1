import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FaultPoint } from './fault-points.ts'
import { monotonicMs, type WriteHistory } from './history.ts'
import { call, keepAlive } from './http-call.ts'
import { EMBEDDED_QUEUE } from './options.ts'

export interface ServerControl {
  /** `server-1`, `server-2`, … */
  readonly name: string
  readonly port: number
  /** Every process that this server was. */
  readonly pids: ReadonlySet<number>
  /** Starts the process, which is not ready then. One that ends by itself is started again. */
  spawn(): void
  /** Resolves when it answers that it is ready, and writes that down. @throws when it does not within a minute */
  untilReady(): Promise<void>
  /** Says whether there was still something to kill. */
  kill(point: FaultPoint): boolean
  stop(point: FaultPoint): void
  continue(point: FaultPoint): void
  drain(point: FaultPoint): void
  /** Resolves when the process is gone. */
  gone(): Promise<void>
}

export interface ServerSettings {
  readonly name: string
  readonly port: number
  readonly directory: string
  readonly storeUrl: string
  readonly sessionGraceSeconds: number
  readonly write: WriteHistory
}

const main = fileURLToPath(new URL('../../packages/taskyard/src/main.ts', import.meta.url))

export function createServerControl(settings: ServerSettings): ServerControl {
  const { name, port, write } = settings
  const pids = new Set<number>()
  let child: ChildProcess | null = null
  /** Whether its process was killed, or asked to end. */
  let isExpectedToEnd = false
  const agent = keepAlive()
  process.once('exit', () => child?.kill('SIGKILL'))

  function fault(kind: 'kill' | 'stop' | 'continue' | 'drain', signal: NodeJS.Signals, point: FaultPoint): boolean {
    if (!isAlive(child)) return false
    const at = monotonicMs()
    write({ e: 'fault', at, kind, target: name, point })
    if (kind === 'kill' || kind === 'drain') {
      isExpectedToEnd = true
      write({ e: 'server', at, server: name, state: 'down' })
    }
    return child.kill(signal)
  }

  function start(): void {
    if (isAlive(child)) return
    isExpectedToEnd = false
    const started = spawnServer(settings)
    if (started.pid !== undefined) pids.add(started.pid)
    started.once('exit', (code, signal) => {
      if (started === child && !isExpectedToEnd) revive(`${signal ?? `exit code ${code}`}, see ${name}.log`)
    })
    child = started
  }

  /** As whatever runs servers in production would do. */
  function revive(how: string): void {
    const at = monotonicMs()
    write({ e: 'crash', at, target: name, how })
    write({ e: 'server', at, server: name, state: 'down' })
    start()
    untilReady().catch(() => {})
  }

  async function untilReady(): Promise<void> {
    if (!(await isSoonReady(agent, port))) throw new Error(`${name} was not ready within 60 s: see ${name}.log`)
    write({ e: 'server', at: monotonicMs(), server: name, state: 'up' })
  }

  return {
    name,
    port,
    pids,
    spawn: start,
    untilReady,
    kill: (point) => fault('kill', 'SIGKILL', point),
    stop: (point) => void fault('stop', 'SIGSTOP', point),
    continue: (point) => void fault('continue', 'SIGCONT', point),
    drain: (point) => void fault('drain', 'SIGTERM', point),
    async gone() {
      if (isAlive(child)) await once(child, 'exit')
    },
  }
}

function isAlive(child: ChildProcess | null): child is ChildProcess {
  return child !== null && child.exitCode === null && child.signalCode === null
}

function spawnServer(settings: ServerSettings): ChildProcess {
  const log = openSync(`${settings.directory}/${settings.name}.log`, 'a')
  const stdio = ['ignore', log, log] as const
  const child = spawn(process.execPath, [main, 'start'], { stdio: [...stdio], env: environment(settings) })
  closeSync(log)
  return child
}

async function isSoonReady(agent: ReturnType<typeof keepAlive>, port: number): Promise<boolean> {
  for (let since = monotonicMs(); monotonicMs() - since < 60_000; await delay(20)) {
    const url = `http://127.0.0.1:${port}/ready`
    const answer = await call(agent, { method: 'GET', url, timeoutMs: 2000 }).catch(() => null)
    if (answer?.status === 200) return true
  }
  return false
}

function environment({ storeUrl, port, sessionGraceSeconds }: ServerSettings) {
  return {
    PATH: process.env.PATH,
    TASKYARD_STORE: storeUrl,
    TASKYARD_HOST: '127.0.0.1',
    TASKYARD_PORT: String(port),
    TASKYARD_QUEUES: EMBEDDED_QUEUE,
    TASKYARD_LOG_LEVEL: 'warn',
    TASKYARD_SESSION_GRACE_SECONDS: String(sessionGraceSeconds),
    // The tests' FerretDB is made to change a document at once, which it cannot prove.
    ...(storeUrl.startsWith('mongodb:') ? { TASKYARD_ALLOW_UNSAFE_DURABILITY: '1' } : {}),
  }
}
