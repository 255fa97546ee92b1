import type { Settlement, SettleResult } from '@taskyard/core'
import type { Database } from '../database.ts'
import { type LightTask, recordId, type SettledAs } from '../documents.ts'
import { idIn } from '../write-transitions.ts'

export const LOST: SettleResult = { status: 'lost' }

/**
 * What settlements of leases that have ended come to: one that is repeated, because its reply was lost, is answered as it was
 * the first time, for as long as the task's history knows it.
 */
export async function repeatedSettlements(
  database: Database,
  settlements: readonly Settlement[],
  tasks: ReadonlyMap<string, LightTask>,
): Promise<readonly (readonly [Settlement, SettleResult])[]> {
  const older = settlements.flatMap(({ taskId, token }) => {
    const task = tasks.get(taskId)
    return task !== undefined && task.records > 0 && task.settled?.token !== token ? [task] : []
  })
  const ends = await readEnds(database, new Set(older))
  return settlements.map((settlement) => {
    const { taskId, token } = settlement
    const task = tasks.get(taskId)
    const end = task?.settled?.token === token ? task.settled : ends.get(leaseKey(taskId, token))
    return [settlement, answer(task, settlement, end)]
  })
}

function answer(task: LightTask | undefined, { outcome }: Settlement, end: SettledAs | undefined): SettleResult {
  if (task === undefined || end?.outcome !== outcome) return LOST
  const { namespace, queue, type, runAt } = task
  const isOver = task.finishedAt !== undefined
  const rest = { namespace, queue, type, waitMs: 0, runMs: 0, runAt: isOver ? null : runAt }
  return { status: 'ok', taskStatus: end.wentTo, repeated: true, ...rest }
}

/** How workers ended the leases of these tasks, by their histories. */
async function readEnds(
  { tasks, records }: Database,
  older: ReadonlySet<LightTask>,
): Promise<ReadonlyMap<string, SettledAs>> {
  const ends = new Map<string, SettledAs>()
  if (older.size === 0) return ends
  const ids = [...older].map(({ _id }) => _id)
  const found = await tasks.find(idIn(ids), { projection: { records: 1, tail: 1 } }).toArray()
  await Promise.all(
    found.map(async ({ _id, records: count, tail }) => {
      const moved = count - tail.length
      const range = { $gt: recordId(_id, 0), $lte: recordId(_id, moved) }
      const earlier = moved === 0 ? [] : await records.find({ _id: range, settled: { $exists: true } }).toArray()
      for (const { token, settled } of [...earlier, ...tail]) {
        if (settled !== undefined) ends.set(leaseKey(_id, token), settled)
      }
    }),
  )
  return ends
}

function leaseKey(taskId: string, token: number): string {
  return `${taskId}/${token}`
}
