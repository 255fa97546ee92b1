import type { NewTask } from '@taskyard/core'
import type { Database, Run } from '../database.ts'
import { queueName } from './enqueue-carefully.ts'

/** How long a reading serves, ms, and how many tasks others may add in the meantime without the bound being at risk. */
const READING_MS = 1000
const MARGIN = 250_000

/** Tells submissions that cannot fill a queue from those that might. */
export interface QueueDepths {
  haveRoom(tasks: readonly NewTask[], queueDepth: number): Promise<boolean>
}

interface Reading {
  readonly at: number
  /** As read, and what has gone in through this process since. */
  waiting: number
}

/** @param nowMs a monotonic clock, ms */
export function createQueueDepths({ run }: Database, nowMs: () => number): QueueDepths {
  const readings = new Map<string, Reading>()
  return {
    async haveRoom(tasks, queueDepth) {
      if (queueDepth <= MARGIN) return false
      const added = new Map<string, number>()
      for (const task of tasks) added.set(queueName(task), (added.get(queueName(task)) ?? 0) + 1)
      const stale = tasks.filter(
        (task) => (readings.get(queueName(task))?.at ?? Number.NEGATIVE_INFINITY) < nowMs() - READING_MS,
      )
      if (stale.length > 0) {
        const at = nowMs()
        for (const [name, waiting] of await waitingIn(run, stale)) readings.set(name, { at, waiting })
      }
      let room = true
      for (const [name, count] of added) {
        const reading = readings.get(name) as Reading
        reading.waiting += count
        room &&= reading.waiting + MARGIN <= queueDepth
      }
      return room
    },
  }
}

/** Waiting tasks of the queues of these tasks. */
export async function waitingIn(run: Run, tasks: readonly NewTask[]): Promise<Map<string, number>> {
  const queues = [...new Map(tasks.map((task) => [queueName(task), task])).values()]
  const rows = await run<[string, string, string]>(
    `SELECT q.namespace, q.queue, coalesce((
       SELECT sum(c.queued + c.scheduled) FROM @lanes l JOIN LATERAL (
         SELECT queued, scheduled FROM @counters WHERE lane = l.lane
         UNION ALL SELECT queued, scheduled FROM @counter_changes WHERE lane = l.lane
       ) c ON true WHERE l.namespace = q.namespace AND l.queue = q.queue
     ), 0)
     FROM unnest($1::text[], $2::text[]) AS q (namespace, queue)`,
    [queues.map(({ namespace }) => namespace), queues.map(({ queue }) => queue)],
  )
  return new Map(rows.map(([namespace, queue, waiting]) => [queueName({ namespace, queue }), Number(waiting)]))
}
