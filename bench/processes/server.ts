import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly port: number
  /** Answers 200 once the server can serve. */
  readonly readyPath: string
}

export interface ServerSettings {
  /** Default: a data file of its own. */
  readonly store?: string
  /** Over those below. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A Taskyard server without an embedded worker. */
export async function startTaskyard(
  directory: string,
  { store = `sqlite:${directory}/taskyard.db`, settings = {} }: ServerSettings = {},
): Promise<RunningServer> {
  mkdirSync(directory, { recursive: true })
  const port = await freePort()
  return startServer({
    command: process.execPath,
    args: [fileURLToPath(new URL('../../packages/taskyard/src/main.ts', import.meta.url)), 'start'],
    environment: {
      TASKYARD_STORE: store,
      TASKYARD_HOST: '127.0.0.1',
      TASKYARD_PORT: String(port),
      TASKYARD_ROLES: 'api,scheduler',
      TASKYARD_LOG_LEVEL: 'error',
      ...settings,
    },
    port,
    readyPath: '/ready',
  })
}

/** Fastify alone, on the same route: the most that this machine can do. */
export async function startBareFastify(): Promise<RunningServer> {
  const port = await freePort()
  return startServer({
    command: process.execPath,
    args: [fileURLToPath(new URL('../programs/bare-fastify.ts', import.meta.url))],
    environment: { PORT: String(port) },
    port,
    readyPath: '/ready',
  })
}

/** Starts a server and resolves when it answers 200 on its ready path. */
export async function startServer(server: ServerCommand): Promise<RunningServer> {
  const child = spawn(server.command, [...server.args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...server.environment },
  })
  const url = `http://127.0.0.1:${server.port}`
  try {
    await untilReady(child, url + server.readyPath)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return { url, port: server.port, pid: child.pid as number, stop: () => stop(child) }
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode} before it was ready`)
    const answer = await fetch(url).catch(() => null)
    await answer?.arrayBuffer()
    if (answer?.ok) return
    await delay(50)
  }
  throw new Error(`the server did not answer 200 on ${url} within 15 s`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(killer)
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** Memory of a process by the kernel's account, MiB: all of it, its own pages (heaps, stacks, buffers), its highest. */
export function residentMemory(pid: number): { now: number; anonymous: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
  return { now: mebibytes('VmRSS'), anonymous: mebibytes('RssAnon'), peak: mebibytes('VmHWM') }
}

/** CPU seconds a process has used so far, user and system, all threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
