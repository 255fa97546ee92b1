import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { claimKey, type LightTask, type TaskDocument, taskFrom } from '../documents.ts'
import { extendTo } from './extend.ts'

/** What this very call has given and still holds, each to a later end: the same claim again after a lost reply. */
export async function givenBefore(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const claimed = claimKey(params)
  if (claimed === null) return []
  const { workerId } = params.worker
  const filter = { claimed, state: 'running' as const, workerId }
  const held = await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()
  const ends = Map.groupBy(held, ({ expiresAt = now }) => Math.max(now + params.leaseMs, expiresAt + 1))
  const extended = await Promise.all([...ends].map(([end, tasks]) => extendThose(database, tasks, end)))
  return extended
    .flat()
    .sort(byPriorityAndAge)
    .map((task) => ({
      ...taskFrom(task, now),
      lease: { token: task.token, expiresAt: task.expiresAt, again: true },
    }))
}

type HeldTask = Omit<TaskDocument, 'tail'>

/** @returns those that were not lost meanwhile */
async function extendThose(database: Database, tasks: readonly HeldTask[], expiresAt: number) {
  const leases = tasks.map(({ _id, token }) => ({ taskId: _id, token }))
  const statuses = await extendTo(database, leases, expiresAt)
  return tasks.filter((_, index) => statuses[index] !== 'lost').map((task) => ({ ...task, expiresAt }))
}

function byPriorityAndAge(one: LightTask, other: LightTask): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt
  return one._id < other._id ? -1 : 1
}
