import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { claimKey, leasedTaskFrom } from '../documents.ts'
import { extend } from './extend.ts'
import { inOrder } from './heads.ts'

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
    .sort(inOrder)
    .map((task) => leasedTaskFrom({ ...task, expiresAt }, now))
}
