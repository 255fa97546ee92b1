import { ids as idArray, numbers } from '../arrays.ts'
import { BY_INDEX, type Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { type Bounds, isOver } from './retention-bounds.ts'

/** Copied at a time. */
export const TASKS_PER_STEP = 1000

/** The slot that takes copies, and what is not to be copied. */
interface Copying extends Bounds {
  readonly target: number
}

/** `one` is a row of `table` for each id of `$1`, by its key. */
function each(table: string, where = ''): string {
  return `unnest($1::uuid[]) AS i (id) CROSS JOIN LATERAL (SELECT * FROM @${table} o WHERE o.id = i.id ${where} OFFSET 0) AS one`
}

/** All of these tasks but how they ended. */
export async function copyTasks(run: Run, target: number, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length === 0) return
  const wanted = [idArray(taskIds)]
  for (const table of ['tasks', 'history'] as const) {
    await run(`INSERT INTO @${table}_s${target} SELECT one.* FROM ${each(table)} ON CONFLICT DO NOTHING`, wanted)
  }
  await run(
    `INSERT INTO @task_tags_s${target} SELECT DISTINCT l.namespace, g.tag, one.id
     FROM ${each('tasks', 'AND o.tags IS NOT NULL')} JOIN @lanes l ON l.lane = one.lane
       CROSS JOIN LATERAL json_array_elements_text(one.tags::json) AS g (tag)
     ON CONFLICT DO NOTHING`,
    wanted,
  )
}

/** Copies tasks that have changed anew, and says how many changes there were. */
export async function catchUp(run: Run, rewrite: Copying): Promise<number> {
  const rows = await run<[id: string, changes: string, lane: Text]>(
    `WITH taken AS (
       DELETE FROM @slot_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM @slot_changes LIMIT ${TASKS_PER_STEP})) RETURNING *
     ), counted AS (
       INSERT INTO @slot_removals SELECT lane, status, sum(tasks), sum(bytes) FROM taken
       WHERE lane IS NOT NULL AND ${isOver(rewrite)} GROUP BY 1, 2
     )
     SELECT id, count(*), max(lane) FROM taken GROUP BY id`,
  )
  if (rows.length > 0) {
    await copyAnew(run, rewrite, rows)
  }
  return rows.reduce((sum, [, changes]) => sum + Number(changes), 0)
}

const ENDED = `SELECT * FROM @finished f WHERE f.lane = one.lane AND f.status IN (1, 2, 3) AND f.id = one.id`

async function copyAnew(run: Run, rewrite: Copying, rows: readonly (readonly [string, string, Text])[]): Promise<void> {
  const { target } = rewrite
  await run(BY_INDEX)
  const changed = [idArray(rows.map(([id]) => id))]
  // How it ended before is looked up by the lane, and tags by name: no table has these by id alone.
  await run(
    `DELETE FROM @finished_s${target} d USING ${each(`tasks_s${target}`)} WHERE d.lane = one.lane AND d.status IN (1, 2, 3) AND d.id = one.id`,
    changed,
  )
  // One that was deleted when its end had been copied, and it had not: the change says its lane.
  const withLane = rows.filter(([, , lane]) => lane !== null)
  await run(
    `DELETE FROM @finished_s${target} d USING unnest($1::uuid[], $2::integer[]) AS one (id, lane)
     WHERE d.lane = one.lane AND d.status IN (1, 2, 3) AND d.id = one.id`,
    [idArray(withLane.map(([id]) => id)), numbers(withLane.map(([, , lane]) => Number(lane)))],
  )
  await run(
    `DELETE FROM @task_tags_s${target} d USING ${each(`tasks_s${target}`, 'AND o.tags IS NOT NULL')}
       JOIN @lanes l ON l.lane = one.lane CROSS JOIN LATERAL json_array_elements_text(one.tags::json) AS g (tag)
     WHERE d.namespace = l.namespace AND d.tag = g.tag AND d.id = one.id`,
    changed,
  )
  for (const table of ['history', 'tasks'] as const) {
    await run(`DELETE FROM @${table}_s${target} WHERE id = ANY ($1::uuid[])`, changed)
  }
  const stay = await run<[string]>(
    `SELECT one.id FROM ${each('tasks')} LEFT JOIN LATERAL (${ENDED}) f ON true WHERE f.id IS NULL OR NOT (${isOver(rewrite, 'f.')})`,
    changed,
  )
  const staying = stay.map(([id]) => id)
  await copyTasks(run, target, staying)
  await run(`INSERT INTO @finished_s${target} SELECT f.* FROM ${each('tasks')} CROSS JOIN LATERAL (${ENDED}) f`, [
    idArray(staying),
  ])
}
