import { isTaskId, type Task, type TaskIdsParams } from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Text } from '../driver.ts'
import type { StoreContext } from '../store-context.ts'
import { TASK_COLUMNS, taskFromRow } from './task-columns.ts'

/** A task, and the token of its present or last lease. */
export interface Found {
  readonly task: Task
  readonly token: number
}

/** The port's `find`. One call of a function of ours, which looks in all tables of states at once. */
export async function find(context: StoreContext, { namespace, taskIds }: TaskIdsParams): Promise<(Task | null)[]> {
  const found = await findTasks(context, taskIds)
  const byId = new Map(found.map(({ task }) => [task.id, task]))
  return taskIds.map((id) => {
    const task = byId.get(id)
    return task?.namespace === namespace ? task : null
  })
}

/** The tasks there are, of whatever namespace, in the order of their ids' first mention; ends early once their texts reach `maxBytes`. */
export async function findTasks(
  { database, lanes, time }: StoreContext,
  taskIds: readonly string[],
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<readonly Found[]> {
  const wanted = [...new Set(taskIds.filter(isTaskId))]
  if (wanted.length === 0) return []
  const rows: Text[][] = await database.run(`SELECT ${TASK_COLUMNS} FROM @find_tasks_2($1, $2, $3, $4)`, [
    ...time.params(),
    ids(wanted),
    maxBytes,
  ])
  await lanes.load(new Set(rows.map((row) => Number(row[1]))))
  return rows.map((row) => ({ task: taskFromRow(row, lanes.get(Number(row[1]))), token: Number(row[14]) }))
}
