import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Environment } from '../configuration/read-configuration.ts'

/** Why a process is asked to stop that `npx` has started. */
export const NPM_HAS_ENDED = 'npm has ended'

const LOOK_MS = 1000
/** npm starts a command itself, or by a shell that may stay. */
const MOST_STEPS = 2

interface Ancestor {
  readonly parent: number
  /** Its process group: what is started to go on by itself has one of its own. */
  readonly group: number
  readonly command: string
}

/**
 * `npx` and `npm exec` end at SIGTERM without passing it on, and what they have started would go on without anybody who knows of it.
 * Calls back once they have ended; never where something else has started this process.
 */
export function watchNpm(environment: Environment, ended: () => void): void {
  if (environment['npm_command'] !== 'exec') return
  const npm = npmAmongAncestors()
  if (npm === null) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent && isAlive(npm)) return
    clearInterval(timer)
    ended()
  }, LOOK_MS)
  timer.unref()
}

function npmAmongAncestors(): number | null {
  const own = look(process.pid)
  let pid = process.ppid
  for (let step = 0; step < MOST_STEPS; step++) {
    const ancestor = look(pid)
    if (ancestor === null || ancestor.group !== own?.group) return null
    if (/\bnp[mx]\b/.test(ancestor.command)) return pid
    pid = ancestor.parent
  }
  return null
}

function look(pid: number): Ancestor | null {
  try {
    return process.platform === 'linux' ? lookInProc(pid) : askPs(pid)
  } catch {
    return null
  }
}

function lookInProc(pid: number): Ancestor {
  // Behind the name in parentheses, which may hold anything: state, parent, process group (proc(5)).
  const [, parent, group] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  return { parent: Number(parent), group: Number(group), command }
}

function askPs(pid: number): Ancestor | null {
  const text = execFileSync('ps', ['-o', 'ppid=,pgid=,args=', '-p', String(pid)], { encoding: 'utf8', timeout: 2000 })
  const [, parent, group, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/m.exec(text) ?? []
  return parent === undefined ? null : { parent: Number(parent), group: Number(group), command }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
