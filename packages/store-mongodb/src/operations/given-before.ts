import { type ClaimParams, type LeasedTask, TaskyardError } from '@taskyard/core'
import type { Database } from '../database.ts'
import { claimKey, type Lease, type LightTask, leasedTaskFrom, type TaskDocument } from '../documents.ts'
import { MOST_ROUNDS } from '../moves.ts'
import { asAsked, moveEnds } from './extend.ts'

/** What this very call has given and still holds, each to a later end: the same claim again after a lost reply. */
export async function givenBefore(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const claimed = claimKey(params)
  if (claimed === null) return []
  const filter = { claimed, state: 'running' as const, workerId: params.worker.workerId }
  const endOf = ({ expiresAt }: Lease) => Math.max(now + params.leaseMs, expiresAt + 1)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()
    const held = found as (Omit<TaskDocument, 'tail'> & Lease)[]
    if (!(await moveEnds(database, held, endOf, asRead))) continue
    return held.sort(byPriorityAndAge).map((task) => {
      const { lease, ...told } = leasedTaskFrom({ ...task, expiresAt: endOf(task) }, now)
      return { ...told, lease: { ...lease, again: true } }
    })
  }
  throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
}

// Its end, too: a heartbeat may have moved it beyond the one that comes of what was read.
function asRead(task: LightTask & Lease) {
  return { ...asAsked(task), expiresAt: task.expiresAt }
}

function byPriorityAndAge(one: LightTask, other: LightTask): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt
  return one._id < other._id ? -1 : 1
}
