import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { claimKey, type LightTask, taskFrom } from '../documents.ts'
import { extendTo } from './extend.ts'

/** What this very call has given and still holds, extended to one later end: the same claim again after a lost reply. */
export async function givenBefore(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const claimed = claimKey(params)
  if (claimed === null) return []
  const { workerId } = params.worker
  const filter = { claimed, state: 'running' as const, workerId }
  const held = await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()
  if (held.length === 0) return []
  const leases = held.map(({ _id, token }) => ({ taskId: _id, token }))
  const expiresAt = Math.max(now + params.leaseMs, ...held.map(({ expiresAt: end = 0 }) => end + 1))
  const statuses = await extendTo(database, leases, expiresAt)
  return held
    .filter((_, index) => statuses[index] !== 'lost')
    .sort(byPriorityAndAge)
    .map((task) => ({ ...taskFrom(task, now), lease: { token: task.token, expiresAt, again: true } }))
}

function byPriorityAndAge(one: LightTask, other: LightTask): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt
  return one._id < other._id ? -1 : 1
}
