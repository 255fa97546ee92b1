import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Examined, type Finding, ok, problem, warning } from './finding.ts'
import { nearestFolder } from './nearest-folder.ts'

const LEAST_NODE = 24
const MIB = 1_048_576
const EARLIEST_SANE_MS = Date.UTC(2026, 0, 1)
const TOLERATED_OFFSET_MS = 5000

export async function checkNode(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= LEAST_NODE) return ok('node', `Node.js ${process.versions.node}`)
  return problem('node', `Node.js ${process.versions.node} is too old`, `Install Node.js ${LEAST_NODE} or later.`)
}

/** Room where the store is, or will be. */
export async function checkDiskSpace({ configuration }: Examined): Promise<Finding> {
  const folder = await nearestFolder(dirname(resolve(configuration.store.path)))
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const detail = `${Math.round(free / MIB).toLocaleString('en')} MiB free at ${folder}`
  if (free < 64 * MIB)
    return problem('disk', detail, 'Free some space: the server refuses tasks when the disk is full.')
  if (free < 1024 * MIB) return warning('disk', detail, 'Free some space, or lower TASKYARD_RETENTION_MEGABYTES.')
  return ok('disk', detail)
}

/** Delays and leases are judged by the store's clock; people and other machines compare theirs with it. */
export async function checkClock({ terminal, server }: Examined): Promise<Finding> {
  const now = terminal.now()
  const at = new Date(now).toISOString()
  const advice = 'Set the clock, and keep it right with NTP (timedatectl set-ntp true).'
  if (now < EARLIEST_SANE_MS) return problem('clock', `it says ${at}, which is in the past`, advice)
  const offset = server?.clockOffsetMs ?? 0
  if (Math.abs(offset) <= TOLERATED_OFFSET_MS) return ok('clock', at)
  return warning('clock', `${Math.round(Math.abs(offset) / 1000)} s apart from the server's`, advice)
}
