import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { TestServer } from '@taskyard/test-servers'
import { appendOnlyFile } from './append-only-file.ts'
import type { DatabaseHooks } from './options.ts'

/** Of Redis: when it rewrote the file, there would be two to watch. */
export const POWER_FAILURE_SETTINGS = { 'auto-aof-rewrite-percentage': '0' }

export interface PowerFailureOptions {
  /** For what is seen of the server's system calls. */
  readonly log: string
  /** Makes each sync take so much longer, as a slow disk does. */
  readonly syncMs?: number
  /** Keeps what is not synced: only the process dies. Default: false. */
  readonly keepsUnsynced?: boolean
}

/**
 * Makes each kill of a Redis server a power failure at its worst: what it wrote to its append-only file since it began
 * the last sync that succeeded is gone. Its system calls are watched with strace, which has to be installed.
 */
export function powerFailures(
  server: TestServer,
  { log, syncMs = 0, keepsUnsynced = false }: PowerFailureOptions,
): DatabaseHooks {
  let file: string
  let watcher: ChildProcess
  return {
    async started() {
      file = await appendOnlyFile(server.url)
      watcher = await watchSystemCalls(server.pid, { file, log, syncMs })
    },
    async killed() {
      if (watcher.exitCode === null) await once(watcher, 'exit')
      if (keepsUnsynced) return
      truncateSync(file, statSync(file).size - unsyncedBytes(readFileSync(log, 'utf8')))
    },
  }
}

interface Watched {
  readonly file: string
  readonly log: string
  readonly syncMs: number
}

/** Resolves when every call that the process makes on the file will be in the log. */
async function watchSystemCalls(pid: number, { file, log, syncMs }: Watched): Promise<ChildProcess> {
  const what = ['-e', 'trace=write,fdatasync,fsync', '-P', file, '-s', '0', '-o', log]
  if (syncMs > 0) what.push('-e', `inject=fdatasync:delay_enter=${syncMs * 1000}`)
  const strace = spawn('strace', ['-f', ...what, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const killOnExit = () => void strace.kill('SIGKILL')
  process.once('exit', killOnExit)
  strace.once('exit', () => process.off('exit', killOnExit))
  const failed = new Promise<never>((_, reject) => {
    strace.once('error', () => reject(new Error('power failures need strace: apt-get install strace')))
    strace.once('exit', () => reject(new Error(`strace could not watch process ${pid}: may it trace here?`)))
  })
  failed.catch(() => {})
  await Promise.race([failed, untilAttached(strace.stderr)])
  return strace
}

async function untilAttached(output: NodeJS.ReadableStream): Promise<void> {
  const lines = createInterface({ input: output })
  await once(lines, 'line')
}

/**
 * Bytes that were written after the beginning of the last sync that succeeded, in a log such as
 *
 *     3626  write(7, ""..., 78) = 78
 *     3628  fdatasync(7 <unfinished ...>
 *     3626  write(7, ""..., 91) = 91
 *     3628  <... fdatasync resumed>) = 0
 */
export function unsyncedBytes(log: string): number {
  const begun = new Map<string, number>()
  let written = 0
  let synced = 0
  for (const line of log.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const bytes = /^(?:write\(|<\.\.\. write resumed).*= (\d+)$/.exec(call)?.[1]
    if (bytes !== undefined) written += Number(bytes)
    if (/^f(data)?sync\(/.test(call)) begun.set(thread, written)
    if (/^(f(data)?sync\(|<\.\.\. f(data)?sync resumed).*= 0$/.test(call)) synced = begun.get(thread) ?? synced
  }
  return written - synced
}
