import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '../../packages/taskyard/src/main.ts')

export interface ServerProcess {
  readonly pid: number
  readonly url: string
  isAlive(): boolean
  /** Resolves with the exit code, `null` after a signal. */
  stop(): Promise<number | null>
}

/** A server process in an environment without other TASKYARD_ variables than these; it goes with this process. */
export async function startServerProcess(settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TASKYARD_') && name !== 'NODE_TEST_CONTEXT',
  )
  const child = spawn(process.execPath, [MAIN, 'start'], {
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'exit').finally(() => process.off('exit', kill))
  const isAlive = () => child.exitCode === null && child.signalCode === null
  for await (const line of createInterface(child.stdout)) {
    const url = /ready at (http\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    return { pid: child.pid as number, url, isAlive, stop }
  }
  throw new Error('the server ended before it was ready')

  async function stop(): Promise<number | null> {
    if (isAlive()) child.kill('SIGTERM')
    const [code] = await ended
    return code
  }
}
