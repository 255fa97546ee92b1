import {
  type DeleteOutcome,
  type DeleteParams,
  isTaskId,
  type TaskStatus,
  TaskyardError,
  TERMINAL_STATUSES,
  type TerminalStatus,
} from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Run } from '../database.ts'
import { namespaceOf } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'
import { forgetLoneLeases } from './lone-leases.ts'
import { uncount } from './retention.ts'
import { statusNumbers } from './status-numbers.ts'
import { newTransitions } from './transitions.ts'
import { writeTransitions } from './write-transitions.ts'

/** The port's `delete`. Who takes the row that says how a task has ended removes the rest of it: one of several callers, or retention. */
export async function deleteTasks(
  context: StoreContext,
  { namespace, taskIds, statuses = TERMINAL_STATUSES }: DeleteParams,
): Promise<DeleteOutcome[]> {
  const outcomes = new Map<string, DeleteOutcome>()
  let open = [...new Set(taskIds.filter(isTaskId))].sort()
  for (let look = 0; open.length > 0; look++) {
    if (look === LOOKS) throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    const wanted = open
    const { deleted, left } = await context.database.transaction(async (run) => ({
      deleted: await removeEnded(run, namespace, wanted, statuses),
      left: await statesOf(context, run, namespace, wanted),
    }))
    for (const id of deleted) outcomes.set(id, { kind: 'deleted' })
    for (const [id, status] of left) outcomes.set(id, { kind: 'kept', status })
    open = left.filter(([, status]) => isOneOf(status, statuses)).map(([id]) => id)
  }
  return taskIds.map((id) => outcomes.get(id) ?? { kind: 'not-found' })
}

/** A task that ends between the two looks is deleted at the next. */
const LOOKS = 100

function isOneOf(status: TaskStatus, statuses: readonly TerminalStatus[]): boolean {
  return (statuses as readonly TaskStatus[]).includes(status)
}

async function removeEnded(
  run: Run,
  namespace: string,
  taskIds: readonly string[],
  statuses: readonly TerminalStatus[],
): Promise<readonly string[]> {
  const rows = await run<[id: string, lane: string, status: string, bytes: string]>(
    `WITH held AS MATERIALIZED (
       SELECT f.id, f.lane, f.status FROM @tasks t JOIN @finished f ON f.lane = t.lane AND f.status IN (${statusNumbers(statuses)}) AND f.id = t.id
       WHERE t.id = ANY ($1::uuid[]) AND ${namespaceOf('t')} = $2 ORDER BY f.id FOR UPDATE OF f
     )
     DELETE FROM @finished f USING held h WHERE f.lane = h.lane AND f.status = h.status AND f.id = h.id
     RETURNING f.id, f.lane, f.status, f.bytes`,
    [ids(taskIds), namespace],
  )
  if (rows.length === 0) return []
  const removed = rows.map(([id]) => id)
  const transitions = newTransitions()
  for (const [, lane, status, bytes] of rows) uncount(transitions, Number(lane), Number(status), 1, Number(bytes))
  // Tags go before their tasks: what they are says the task.
  await Promise.all([
    run(
      `DELETE FROM @task_tags d USING unnest($1::uuid[]) AS i (id)
         CROSS JOIN LATERAL (SELECT * FROM @tasks t WHERE t.id = i.id AND t.tags IS NOT NULL OFFSET 0) AS t
         JOIN @lanes l ON l.lane = t.lane CROSS JOIN LATERAL json_array_elements_text(t.tags::json) AS g (tag)
       WHERE d.namespace = l.namespace AND d.tag = g.tag AND d.id = t.id`,
      [ids(removed)],
    ),
    run('DELETE FROM @history WHERE id = ANY ($1::uuid[])', [ids(removed)]),
    run('DELETE FROM @tasks WHERE id = ANY ($1::uuid[])', [ids(removed)]),
    forgetLoneLeases(run, removed),
    writeTransitions(run, transitions, 0),
  ])
  return removed
}

function statesOf({ time }: StoreContext, run: Run, namespace: string, taskIds: readonly string[]) {
  return run<[id: string, status: TaskStatus]>(
    `SELECT id, status FROM @find_tasks_2($1, $2, $3, $4) AS t WHERE ${namespaceOf('t')} = $5`,
    [...time.params(), ids(taskIds), Number.MAX_SAFE_INTEGER, namespace],
  )
}
