import { type Finding, finding } from '@taskyard/core'
import { nodeComplaint } from '@taskyard/core/node-version'
import type { Examined } from './examined.ts'

const EARLIEST_SANE_MS = Date.UTC(2026, 0, 1)
const TOLERATED_OFFSET_MS = 5000

/** Whether this Node is one that Taskyard runs on. */
export async function checkNode(): Promise<Finding> {
  const complaint = nodeComplaint(process.version)
  if (complaint === null) return finding.ok('node', `Node.js ${process.versions.node}`)
  return finding.problem('node', complaint, 'Install a newer Node.js.')
}

/** Delays and leases are judged by the store's clock; people and other machines compare theirs with it. */
export async function checkClock({ terminal, server }: Examined): Promise<Finding> {
  const now = terminal.now()
  const at = new Date(now).toISOString()
  const advice = 'Set the clock, and keep it right with NTP (timedatectl set-ntp true).'
  if (now < EARLIEST_SANE_MS) return finding.problem('clock', `it says ${at}, which is in the past`, advice)
  const offset = server?.clockOffsetMs ?? 0
  if (Math.abs(offset) <= TOLERATED_OFFSET_MS) return finding.ok('clock', at)
  return finding.warning('clock', `${Math.round(Math.abs(offset) / 1000)} s apart from the server's`, advice)
}
