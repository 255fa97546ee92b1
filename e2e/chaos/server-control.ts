import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { monotonicMs, type WriteHistory } from './history.ts'
import { call, keepAlive } from './http-post.ts'
import { EMBEDDED_QUEUE } from './options.ts'
import type { Point } from './points.ts'

export interface ServerControl {
  readonly port: number
  /** Starts the process, which is not ready then. */
  spawn(): void
  /** Resolves when it answers that it is ready, and writes that down. @throws when it ends before */
  untilReady(): Promise<void>
  /** Says whether there was still something to kill. */
  kill(point: Point): boolean
  stop(point: Point): void
  continue(point: Point): void
  drain(point: Point): void
  /** Resolves when the process is gone. */
  gone(): Promise<void>
}

export interface ServerSettings {
  readonly directory: string
  readonly port: number
  readonly sessionGraceSeconds: number
  readonly write: WriteHistory
}

const main = fileURLToPath(new URL('../../packages/taskyard/src/main.ts', import.meta.url))

export function createServerControl({ directory, port, sessionGraceSeconds, write }: ServerSettings): ServerControl {
  let child: ChildProcess | null = null
  const agent = keepAlive()
  process.once('exit', () => child?.kill('SIGKILL'))

  function fault(kind: 'kill' | 'stop' | 'continue' | 'drain', signal: NodeJS.Signals, point: Point): boolean {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return false
    const at = monotonicMs()
    write({ e: 'fault', at, kind, target: 'server', point })
    if (kind === 'kill' || kind === 'drain') write({ e: 'server', at, state: 'down' })
    return child.kill(signal)
  }

  return {
    port,
    spawn() {
      const log = openSync(`${directory}/server.log`, 'a')
      child = spawn(process.execPath, [main, 'start'], {
        stdio: ['ignore', log, log],
        env: {
          PATH: process.env.PATH,
          TASKYARD_STORE: `sqlite:${directory}/taskyard.db`,
          TASKYARD_HOST: '127.0.0.1',
          TASKYARD_PORT: String(port),
          TASKYARD_QUEUES: EMBEDDED_QUEUE,
          TASKYARD_LOG_LEVEL: 'warn',
          TASKYARD_SESSION_GRACE_SECONDS: String(sessionGraceSeconds),
        },
      })
    },
    async untilReady() {
      for (let since = monotonicMs(); monotonicMs() - since < 60_000; ) {
        if (child?.exitCode !== null) throw new Error(`the server ended with ${child?.exitCode}: see server.log`)
        const url = `http://127.0.0.1:${port}/ready`
        const answer = await call(agent, { method: 'GET', url, timeoutMs: 2000 }).catch(() => null)
        if (answer?.status === 200) return write({ e: 'server', at: monotonicMs(), state: 'up' })
        await delay(20)
      }
      throw new Error('the server was not ready within 60 s: see server.log')
    },
    kill: (point) => fault('kill', 'SIGKILL', point),
    stop: (point) => void fault('stop', 'SIGSTOP', point),
    continue: (point) => void fault('continue', 'SIGCONT', point),
    drain: (point) => void fault('drain', 'SIGTERM', point),
    async gone() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return
      await once(child, 'exit')
    },
  }
}
