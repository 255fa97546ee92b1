import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { User } from './unprivileged-user.ts'

export interface SupervisedCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Who the command runs as; `null`: as this process. */
  readonly user: User | null
  /** File that takes what the command prints. */
  readonly log: string
  /** Folder that goes when this process ends. */
  readonly removeAtEnd: string
}

export interface Supervised {
  readonly pid: number
  hasEnded(): boolean
  /** Resolves when the command has ended. */
  end(): Promise<void>
}

/**
 * Starts a command that ends at the latest with this process, even when this process is killed. It does not keep this
 * process alive.
 * @throws when the command cannot be started
 */
export async function startSupervised(what: SupervisedCommand): Promise<Supervised> {
  const supervisor = spawn(process.execPath, [`${import.meta.dirname}/supervisor.ts`, JSON.stringify(what)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exit = once(supervisor, 'exit')
  const pid = await firstNumber(supervisor.stdout)
  if (!(pid > 0)) throw new Error(`${what.command} could not be started`)
  supervisor.unref()
  for (const stream of [supervisor.stdin, supervisor.stdout]) (stream as unknown as { unref(): void }).unref()
  return {
    pid,
    hasEnded: () => supervisor.exitCode !== null || supervisor.signalCode !== null,
    async end() {
      supervisor.ref()
      await exit
    },
  }
}

async function firstNumber(output: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface({ input: output })) return Number(line)
  return Number.NaN
}
