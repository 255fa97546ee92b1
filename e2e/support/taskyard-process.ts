import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const children = new Set<ChildProcess>()

function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}

process.once('exit', killAll)
// A test that failed half-way may not keep its file waiting for them. Programs are no tests and have no hooks.
if (process.env.NODE_TEST_CONTEXT !== undefined) after(killAll)

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
export const MAIN = join(REPOSITORY, 'packages/taskyard/src/main.ts')

/** A folder of its own for a test. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'taskyard-e2e-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** The first match in what the process wrote to stdout so far or later. Rejects when it ends without. */
  line(pattern: RegExp): Promise<RegExpExecArray>
  isAlive(): boolean
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string
  /** Shows what it writes to stderr instead of keeping it. */
  readonly showsErrors?: boolean
}

/** Runs the `taskyard` command as a process of its own, in an environment without any TASKYARD_ variable but these. */
export function runTaskyard(commandLine: readonly string[], options: RunOptions = {}): Running {
  return runCommand(process.execPath, [MAIN, ...commandLine], options)
}

export function runCommand(command: string, commandLine: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(command, commandLine, {
    cwd: options.cwd ?? REPOSITORY,
    env: environment(options.env),
    stdio: ['pipe', 'pipe', options.showsErrors ? 'inherit' : 'pipe'],
  }) as ChildProcessByStdio<Writable, Readable, Readable | null>
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk
    child.emit('taskyard:output')
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...text }) as Ended)
  return {
    child,
    ended,
    async line(pattern) {
      for (;;) {
        const match = pattern.exec(text.stdout)
        if (match !== null) return match
        const end = await Promise.race([ended, once(child, 'taskyard:output')])
        if (!Array.isArray(end) && pattern.exec(text.stdout) === null) {
          throw new Error(`it ended with code ${(end as Ended).code} without ${pattern}:\n${text.stdout}${text.stderr}`)
        }
      }
    },
    isAlive: () => child.exitCode === null && child.signalCode === null,
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}

/** Starts a server on a free port and waits until it says that it is ready. Its store is this SQLite file, or as `env` says. */
export async function startServerProcess({ store, ...options }: RunOptions & { readonly store?: string }) {
  const file: RunOptions['env'] = store === undefined ? {} : { TASKYARD_STORE: `sqlite:${store}` }
  const running = runTaskyard(['start'], { ...options, env: { TASKYARD_PORT: '0', ...file, ...options.env } })
  const [, url = ''] = await running.line(/ready at (http\S+)/)
  return { ...running, url }
}

function environment(added: RunOptions['env']): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TASKYARD_') && name !== 'NODE_TEST_CONTEXT',
  )
  return { ...Object.fromEntries(kept), ...added }
}
