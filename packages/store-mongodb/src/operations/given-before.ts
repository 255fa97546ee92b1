import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { claimKey, type LightTask, leasedTaskFrom } from '../documents.ts'
import { extend } from './extend.ts'

/** What this very call has given and still holds, extended: the same claim again after a lost reply. */
export async function givenBefore(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const claimed = claimKey(params)
  if (claimed === null) return []
  const { workerId } = params.worker
  const filter = { claimed, state: 'running' as const, workerId }
  const held = await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()
  if (held.length === 0) return []
  const leases = held.map(({ _id, token }) => ({ taskId: _id, token }))
  const statuses = await extend(database, { leases, leaseMs: params.leaseMs }, now)
  const expiresAt = now + params.leaseMs
  return held
    .filter((_, index) => statuses[index] !== 'lost')
    .sort(byPriorityAndAge)
    .map((task) => leasedTaskFrom({ ...task, expiresAt }, now))
}

function byPriorityAndAge(one: LightTask, other: LightTask): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt
  return one._id < other._id ? -1 : 1
}
