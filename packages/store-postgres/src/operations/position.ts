import { isTaskId, type PositionParams, type ReadyLane, type ReadyLanesParams } from '@taskyard/core'
import type { StoreContext } from '../store-context.ts'
import { promoteDue } from './promote.ts'

/** The port's `position`. */
export async function position(
  context: StoreContext,
  { namespace, taskId, atMost }: PositionParams,
): Promise<number | null> {
  if (!isTaskId(taskId)) return null
  await promoteDue(context)
  const [row] = await context.database.run<[before: string]>('SELECT before FROM @position_in_lane($1, $2, $3)', [
    taskId,
    namespace,
    atMost,
  ])
  return row === undefined ? null : Number(row[0])
}

/** The port's `readyLanes`, by the counters, as `counts` has them. */
export async function readyLanes(context: StoreContext, { namespace, limit }: ReadyLanesParams): Promise<ReadyLane[]> {
  await promoteDue(context)
  const rows = await context.database.run<[queue: string, type: string]>(
    `WITH l AS (SELECT lane, queue, type FROM @lanes WHERE namespace = $1)
     SELECT queue, type FROM (
       SELECT l.*, c.queued FROM l JOIN @counters c ON c.lane = l.lane
       UNION ALL SELECT l.*, c.queued FROM l JOIN @counter_changes c ON c.lane = l.lane
     ) AS c GROUP BY queue, type HAVING sum(queued) > 0 LIMIT $2`,
    [namespace, limit],
  )
  return rows.map(([queue, type]) => ({ namespace, queue, type }))
}
