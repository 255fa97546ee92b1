import { isTaskId, type Task, type TaskIdsParams } from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Text } from '../driver.ts'
import type { Lane } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'
import { DUE_LAST, lastDue } from './last-due.ts'
import { TASK_COLUMN_COUNT, TASK_COLUMNS, taskFromRow } from './task-columns.ts'

/** A task, and the token of its present or last lease. */
export interface Found {
  readonly task: Task
  readonly token: number
}

interface Reading extends Pick<StoreContext, 'lanes' | 'time'> {
  readonly database: Pick<StoreContext['database'], 'run'>
}

/** The port's `find`. One call of a function of ours, which looks in all tables of states at once. */
export async function find(context: Reading, { namespace, taskIds }: TaskIdsParams): Promise<(Task | null)[]> {
  const found = await findTasks(context, namespace, taskIds)
  const byId = new Map(found.map(({ task }) => [task.id, task]))
  return taskIds.map((id) => byId.get(id) ?? null)
}

/** With more than this the server looks up whose task it is before it reads its texts; with less that would cost more than they. */
const LARGE_BYTES = 16_384

/** The tasks there are, in the order of their ids' first mention; ends early once their texts reach `maxBytes`. */
export async function findTasks(
  { database, lanes, time }: Reading,
  namespace: string,
  taskIds: readonly string[],
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<readonly Found[]> {
  const wanted = [...new Set(taskIds.filter(isTaskId))]
  if (wanted.length === 0) return []
  const rows: Text[][] = await database.run(
    `SELECT ${TASK_COLUMNS}, again.* FROM @find_tasks_2($1, $2, $3, $4) AS t ${DUE_LAST}
     WHERE octet_length(payload) + coalesce(octet_length(result), 0) <= ${LARGE_BYTES} OR @is_lane_of(lane, $5)`,
    [...time.params(), ids(wanted), maxBytes, namespace],
  )
  await lanes.load(new Set(rows.map((row) => Number(row[1]))))
  return rows
    .map((row) => ({ task: foundTask(row, lanes.get(Number(row[1]))), token: Number(row[14]) }))
    .filter(({ task }) => task.namespace === namespace)
}

function foundTask(row: readonly Text[], lane: Lane): Task {
  const task = taskFromRow(row, lane)
  return { ...task, runAt: lastDue(row.slice(TASK_COLUMN_COUNT)) ?? task.runAt }
}
