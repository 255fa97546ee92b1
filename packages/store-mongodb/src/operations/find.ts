import type { HistoryParams, HistoryRecord, Task, TaskEvent, TaskIdsParams } from '@taskyard/core'
import { isTaskId, pageOfHistory, taskHistory } from '@taskyard/core'
import type { Database } from '../database.ts'
import { type RecordDocument, recordId, type TaskDocument, taskFrom } from '../documents.ts'
import { idIn, isInNamespace } from '../write-transitions.ts'

const VISIBLE = { state: { $ne: 'removed' as const } }

/** The port's `find`. What retention has marked as removed is not found any more. */
export async function find(
  database: Database,
  { namespace, taskIds }: TaskIdsParams,
  now: number,
): Promise<(Task | null)[]> {
  const ids = [...new Set(taskIds)].filter(isTaskId)
  const filter = { ...idIn(ids), ...VISIBLE }
  const found = ids.length === 0 ? [] : await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()
  const own = found.filter((task) => isInNamespace(namespace, task))
  const tasks = new Map(own.map((task) => [task._id, taskFrom(task as TaskDocument, now)]))
  return taskIds.map((id) => tasks.get(id) ?? null)
}

/** The port's `history`; `null`: the namespace has no such task. */
export async function history(
  database: Database,
  { namespace, taskId, after, limit }: HistoryParams,
  now: number,
): Promise<readonly TaskEvent[] | null> {
  const task = isTaskId(taskId) ? await database.tasks.findOne({ _id: taskId, ...VISIBLE }) : null
  if (task === null || !isInNamespace(namespace, task)) return null
  const events = taskHistory(taskFrom(task, now), task.token, await recordsOf(database, task))
  return pageOfHistory(events, { after, limit })
}

// Numbers are places in one row: those that were moved out of the task come first, its tail ends at `records`.
async function recordsOf(database: Database, { _id, records, tail }: TaskDocument): Promise<HistoryRecord[]> {
  const kept = records - tail.length
  if (kept === 0) return [...tail]
  const range = { $gt: recordId(_id, 0), $lte: recordId(_id, kept) }
  const moved = await database.records.find({ _id: range }).sort({ _id: 1 }).toArray()
  return [...moved.map(withoutId), ...tail]
}

function withoutId({ at, kind, attempt, token, startedAt, workerId, data }: RecordDocument): HistoryRecord {
  return { at, kind, attempt, token, startedAt, workerId, data }
}
