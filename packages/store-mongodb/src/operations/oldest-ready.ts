import type { TaskStatus } from '@taskyard/core'
import type { Database } from '../database.ts'
import type { QueueDocument } from '../documents.ts'

export type Counted = Pick<QueueDocument, 'queue' | 'paused' | 'counts'>

/** Counts follow the tasks a moment later, so that a difference may run ahead: never below 0 here. */
export function countOf({ counts = {} }: Counted, status: TaskStatus): number {
  return Math.max(0, status === 'blocked' ? 0 : (counts[status] ?? 0))
}

/** Look-ups under way at the same time. */
const AT_ONCE = 20
/** Ready tasks per queue up to which reading all of them is cheaper than a look-up for each queue. */
const FEW_PER_QUEUE = 20

/** Readiness of the task that has waited longest, by queue, of queues that have ready tasks. */
export async function oldestReady(
  database: Database,
  namespace: string,
  queues: readonly Counted[],
): Promise<ReadonlyMap<string, number>> {
  const ready = queues.reduce((sum, queue) => sum + countOf(queue, 'queued'), 0)
  if (queues.length > AT_ONCE && ready <= queues.length * FEW_PER_QUEUE) return oldestOfAll(database, namespace)
  const oldest = new Map<string, number>()
  for (let at = 0; at < queues.length; at += AT_ONCE) {
    const some = queues.slice(at, at + AT_ONCE)
    const times = await Promise.all(some.map(({ queue }) => oldestOf(database, namespace, queue)))
    for (const [index, { queue }] of some.entries()) {
      const time = times[index]
      if (time !== undefined) oldest.set(queue, time)
    }
  }
  return oldest
}

async function oldestOf({ tasks }: Database, namespace: string, queue: string): Promise<number | undefined> {
  const [oldest] = await tasks
    .find({ state: 'queued', namespace, queue }, { projection: { runAt: 1 } })
    .sort({ runAt: 1 })
    .limit(1)
    .toArray()
  return oldest?.runAt
}

// From the index alone.
async function oldestOfAll({ tasks }: Database, namespace: string): Promise<ReadonlyMap<string, number>> {
  const oldest = new Map<string, number>()
  const projection = { _id: 0, queue: 1, runAt: 1 } as const
  for await (const { queue, runAt } of tasks.find({ state: 'queued', namespace }, { projection })) {
    oldest.set(queue, Math.min(runAt, oldest.get(queue) ?? runAt))
  }
  return oldest
}
