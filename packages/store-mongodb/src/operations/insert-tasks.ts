import type { ReadyLane } from '@taskyard/core'
import { addCounts, type QueueCounts } from '../counters.ts'
import type { Database } from '../database.ts'
import { type Counter, queueId, type TaskDocument } from '../documents.ts'
import { duplicatesOf } from '../mongodb-errors.ts'

/**
 * Inserts the tasks that are not there yet, counts them and tells of those that are ready.
 * @returns what was inserted now, by id
 */
export async function insertTasks(
  database: Database,
  documents: readonly TaskDocument[],
  now: number,
): Promise<ReadonlyMap<string, TaskDocument>> {
  if (documents.length === 0) return new Map()
  const duplicates = await insert(database, documents)
  const inserted = documents.filter((_, index) => !duplicates.has(index))
  const counts: QueueCounts = new Map()
  const lanes = new Map<string, ReadyLane>()
  for (const { namespace, queue, type, state } of inserted) {
    addCounts(counts, queueId(namespace, queue), { [state as Counter]: 1 })
    if (state === 'queued') lanes.set(`${namespace}/${queue}/${type}`, { namespace, queue, type })
  }
  await database.counters.add(counts, now)
  if (lanes.size > 0) database.publishReady([...lanes.values()])
  return new Map(inserted.map((document) => [document._id, document]))
}

async function insert(database: Database, documents: readonly TaskDocument[]): Promise<ReadonlySet<number>> {
  try {
    await database.tasks.insertMany([...documents], { ordered: false })
    return new Set()
  } catch (error) {
    try {
      return duplicatesOf(error)
    } catch (worse) {
      database.counters.doubt(documents.map(({ namespace, queue }) => queueId(namespace, queue)))
      throw worse
    }
  }
}
