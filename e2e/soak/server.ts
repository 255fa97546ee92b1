import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '../../packages/taskyard/src/main.ts')

export interface SoakServer {
  readonly pid: number
  readonly url: string
  stop(): Promise<void>
}

/** A server process in an environment without other TASKYARD_ variables than these; it goes with this process. */
export async function startSoakServer(settings: Readonly<Record<string, string>>): Promise<SoakServer> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TASKYARD_'))
  const child = spawn(process.execPath, [MAIN, 'start'], {
    env: { ...Object.fromEntries(inherited), ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    const url = /ready at (http\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    return { pid: child.pid as number, url, stop: () => stop() }
  }
  throw new Error('the server ended before it was ready')

  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await ended
  }
}
