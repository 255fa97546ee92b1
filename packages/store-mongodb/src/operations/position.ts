import { isTaskId, type PositionParams, type ReadyLane, type ReadyLanesParams } from '@taskyard/core'
import type { Filter } from 'mongodb'
import type { Database } from '../database.ts'
import type { QueueDocument, TaskDocument } from '../documents.ts'
import { countOf } from './oldest-ready.ts'
import { promoteDue } from './promote.ts'

/** Look-ups under way at the same time. */
const AT_ONCE = 20

type Ready = Pick<TaskDocument, '_id' | 'namespace' | 'queue' | 'type' | 'priority' | 'runAt'>

/** The port's `position`. */
export async function position(
  database: Database,
  { namespace, taskId, atMost }: PositionParams,
  now: number,
): Promise<number | null> {
  if (!isTaskId(taskId)) return null
  await promoteDue(database, now)
  const projection = { namespace: 1, queue: 1, type: 1, priority: 1, runAt: 1 } as const
  const task = await database.tasks.findOne<Ready>({ _id: taskId, state: 'queued' }, { projection })
  if (task === null || task.namespace !== namespace) return null
  let before = 0
  for (const range of rangesBefore(task)) {
    if (before >= atMost) break
    before += await database.tasks.countDocuments(range, { limit: atMost - before })
  }
  return before
}

/** What claims give out before a task: each is one range of `ready_in_order`. */
export function rangesBefore({ _id, namespace, queue, type, priority, runAt }: Ready): readonly Filter<TaskDocument>[] {
  const lane = { state: 'queued', namespace, queue, type } as const
  return [
    { ...lane, priority, runAt, _id: { $lt: _id } },
    { ...lane, priority, runAt: { $lt: runAt } },
    { ...lane, priority: { $gt: priority } },
  ]
}

/** The port's `readyLanes`: of queues that have ready tasks by their counts, the types are looked up. */
export async function readyLanes(
  database: Database,
  { namespace, limit }: ReadyLanesParams,
  now: number,
): Promise<ReadyLane[]> {
  await promoteDue(database, now)
  await database.counters.flush()
  const projection = { queue: 1, types: 1, counts: 1 } as const
  const found = await database.queues
    .find({ namespace, 'counts.queued': { $gt: 0 } }, { projection })
    .limit(limit)
    .toArray()
  const waiting = found.filter((queue) => countOf(queue, 'queued') > 0)
  const lanes: ReadyLane[] = []
  for (let at = 0; at < waiting.length && lanes.length < limit; at += AT_ONCE) {
    const types = await Promise.all(
      waiting.slice(at, at + AT_ONCE).map((queue) => readyTypes(database, namespace, queue)),
    )
    lanes.push(...types.flat())
  }
  return lanes.slice(0, limit)
}

async function readyTypes(
  { tasks }: Database,
  namespace: string,
  { queue, types = [] }: Pick<QueueDocument, 'queue' | 'types'>,
): Promise<readonly ReadyLane[]> {
  const ready = types.length === 1 ? types : await tasks.distinct('type', { state: 'queued', namespace, queue })
  return ready.map((type) => ({ namespace, queue, type }))
}
