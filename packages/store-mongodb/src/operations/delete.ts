import {
  type DeleteOutcome,
  type DeleteParams,
  type TaskStatus,
  TaskyardError,
  TERMINAL_STATUSES,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import { type LightTask, statusOf } from '../documents.ts'
import { readLight } from '../write-transitions.ts'
import { removeEnded } from './removal.ts'

/** Rounds of reading and removing what others keep changing; the time of the call bounds them before this does. */
const MOST_ROUNDS = 200

/** The port's `delete`. */
export async function deleteTasks(
  database: Database,
  { namespace, taskIds, statuses = TERMINAL_STATUSES }: DeleteParams,
  now: number,
): Promise<DeleteOutcome[]> {
  const wanted: readonly TaskStatus[] = statuses
  const outcomes = new Map<string, DeleteOutcome>()
  let open = [...new Set(taskIds)]
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS)
      throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    const tasks = await readLight(database, namespace, open)
    const ended: LightTask[] = []
    for (const id of open) {
      const task = tasks.get(id)
      const status = task && statusOf(task, now)
      if (task === undefined || status === undefined) outcomes.set(id, { kind: 'not-found' })
      else if (wanted.includes(status)) ended.push(task)
      else outcomes.set(id, { kind: 'kept', status })
    }
    for (const { _id } of await removeEnded(database, ended, now)) outcomes.set(_id, { kind: 'deleted' })
    open = open.filter((id) => !outcomes.has(id))
  }
  return taskIds.map((id) => outcomes.get(id) as DeleteOutcome)
}
