import type { CountsParams, PauseParams, QueueCounts } from '@taskyard/core'
import { numbers } from '../arrays.ts'
import type { StoreContext } from '../store-context.ts'
import { promoteDue } from './promote.ts'

type LaneCountsRow = [queue: string, lane: string, ...counts: string[]]

/** The port's `counts`: counters and their changes not yet added up, not a count of rows. */
export async function counts(context: StoreContext, { namespace, queue }: CountsParams): Promise<QueueCounts[]> {
  await promoteDue(context)
  const { run } = context.database
  const [rows, paused] = await Promise.all([
    run<LaneCountsRow>(
      `WITH l AS (SELECT lane, queue FROM @lanes WHERE namespace = $1 AND ($2::text IS NULL OR queue = $2))
       SELECT queue, lane, sum(scheduled), sum(queued), sum(running), sum(succeeded), sum(failed), sum(cancelled), sum(finished_total)
       FROM (
         SELECT l.queue, c.* FROM l JOIN @counters c ON c.lane = l.lane
         UNION ALL SELECT l.queue, c.* FROM l JOIN @counter_changes c ON c.lane = l.lane
       ) AS c GROUP BY 1, 2`,
      [namespace, queue],
    ),
    run<[string]>('SELECT queue FROM @paused_queues WHERE namespace = $1 AND ($2::text IS NULL OR queue = $2)', [
      namespace,
      queue,
    ]),
  ])
  const waiting = rows.filter((row) => Number(row[3]) > 0).map(([, lane]) => Number(lane))
  const oldest = await run<[string, string]>('SELECT lane, ready_at FROM @oldest_ready($1)', [numbers(waiting)])
  const oldestByLane = new Map(oldest.map(([lane, readyAt]) => [lane, Number(readyAt)]))
  const pausedQueues = new Set(paused.map(([name]) => name))
  const byQueue = Map.groupBy(rows, ([name]) => name)
  const names = [...new Set([...byQueue.keys(), ...pausedQueues])].sort()
  return names.map((name) => queueCounts(name, pausedQueues.has(name), byQueue.get(name) ?? [], oldestByLane))
}

function queueCounts(
  queue: string,
  paused: boolean,
  rows: readonly LaneCountsRow[],
  oldestByLane: ReadonlyMap<string, number>,
): QueueCounts {
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0)
  const oldest = Math.min(...rows.map(([, lane]) => oldestByLane.get(lane) ?? Number.POSITIVE_INFINITY))
  return {
    queue,
    paused,
    counts: {
      blocked: 0,
      scheduled: sum(2),
      queued: sum(3),
      running: sum(4),
      succeeded: sum(5),
      failed: sum(6),
      cancelled: sum(7),
    },
    oldestReadyAt: oldest === Number.POSITIVE_INFINITY ? null : oldest,
    finishedTotal: sum(8),
  }
}

/** The port's `pause`. When a queue goes on, its lanes are told as ready, so that waiting claims look. */
export async function pause(
  { database, lanes, publishReady }: StoreContext,
  { namespace, queue, paused }: PauseParams,
): Promise<void> {
  if (paused) {
    await database.run('INSERT INTO @paused_queues (namespace, queue) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      namespace,
      queue,
    ])
    return
  }
  await database.run('DELETE FROM @paused_queues WHERE namespace = $1 AND queue = $2', [namespace, queue])
  const resumed = await lanes.matching(namespace, queue, null)
  publishReady(resumed.map(({ lane }) => lane))
}
