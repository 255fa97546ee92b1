// A database server is several processes, some in process groups of their own (PostgreSQL's children): what shall reach
// the server must reach the whole tree.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

interface Process {
  readonly pid: number
  readonly parent: number
}

/** The process and all below it, parents first. Empty when it is gone. */
export function processTree(root: number): readonly number[] {
  const all = runningProcesses()
  const tree = all.filter(({ pid }) => pid === root).map(({ pid }) => pid)
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid))
  return tree
}

/** Sends a signal to the process and all below it. */
export function signalTree(root: number, signal: NodeJS.Signals): void {
  for (const pid of processTree(root)) send(pid, signal)
}

/** Kills the process and all below it; resolves when none of them lives. */
export async function killTree(root: number): Promise<void> {
  // The stopped root neither starts another child nor says goodbye to its clients.
  send(root, 'SIGSTOP')
  const tree = processTree(root)
  for (const pid of tree) send(pid, 'SIGKILL')
  while (runningProcesses().some(({ pid }) => tree.includes(pid))) await delay(5)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A zombie does not count: it holds nothing any more, and not every container's first process buries the dead. */
function runningProcesses(): readonly Process[] {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

function fromProc(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return state === 'Z' || state === 'X' ? [] : [{ pid: Number(name), parent: Number(parent) }]
      } catch {
        return [] // It ended meanwhile.
      }
    })
}

function fromPs(): readonly Process[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, state = 'Z'] = line.trim().split(/\s+/)
    return state.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent) }]
  })
}
