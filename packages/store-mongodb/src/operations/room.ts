import type { NewTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { queueId } from '../documents.ts'
import { idIn } from '../moves.ts'

/**
 * How many more waiting tasks each queue of these tasks may take. From the counts, so that several processes that fill a
 * queue at the same moment can exceed its depth by what they submit within it.
 */
export async function readRoom(
  { queues }: Database,
  tasks: readonly NewTask[],
  queueDepth: number,
): Promise<ReadonlyMap<string, number>> {
  const ids = [...new Set(tasks.map(({ namespace, queue }) => queueId(namespace, queue)))]
  if (ids.length === 0) return new Map()
  const found = await queues.find(idIn(ids), { projection: { counts: 1 } }).toArray()
  const waiting = new Map(found.map(({ _id, counts = {} }) => [_id, (counts.queued ?? 0) + (counts.scheduled ?? 0)]))
  return new Map(ids.map((id) => [id, queueDepth - (waiting.get(id) ?? 0)]))
}
