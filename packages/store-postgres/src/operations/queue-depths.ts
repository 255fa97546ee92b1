import type { NewTask } from '@taskyard/core'
import type { Database, Run } from '../database.ts'
import { queueName } from './submission-locks.ts'

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
      const queues = countByQueue(tasks)
      const oldest = nowMs() - READING_MS
      const stale = queues.filter(({ name }) => (readings.get(name)?.at ?? Number.NEGATIVE_INFINITY) < oldest)
      if (stale.length > 0) {
        const at = nowMs()
        const read = await waitingIn(
          run,
          stale.map(({ task }) => task),
        )
        for (const [name, waiting] of read) readings.set(name, { at, waiting })
        for (const [name, reading] of readings) if (reading.at < oldest) readings.delete(name)
      }
      let room = true
      for (const { name, count } of queues) {
        const reading = readings.get(name)
        // It may have become too old while others were read.
        if (reading === undefined) return false
        reading.waiting += count
        room &&= reading.waiting + MARGIN <= queueDepth
      }
      return room
    },
  }
}

interface Added {
  readonly name: string
  readonly task: NewTask
  count: number
}

function countByQueue(tasks: readonly NewTask[]): readonly Added[] {
  const queues = new Map<string, Added>()
  let last: Added | undefined
  for (const task of tasks) {
    if (last?.task.queue !== task.queue || last.task.namespace !== task.namespace) {
      const name = queueName(task)
      last = queues.get(name) ?? { name, task, count: 0 }
      queues.set(name, last)
    }
    last.count += 1
  }
  return [...queues.values()]
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
