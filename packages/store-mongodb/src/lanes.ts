import type { ReadyLane } from '@taskyard/core'
import type { Database } from './database.ts'
import { queueId } from './documents.ts'
import { isDuplicateKey } from './mongodb-errors.ts'

/** Makes sure that the queues know these lanes. Before the first task of a lane, so that claims of every type find it. */
export async function ensureLanes(database: Database, lanes: readonly ReadyLane[]): Promise<void> {
  const unknown = new Map<string, ReadyLane>()
  for (const lane of lanes) if (!database.knownLanes.has(laneKey(lane))) unknown.set(laneKey(lane), lane)
  const byQueue = Map.groupBy(unknown.values(), ({ namespace, queue }) => queueId(namespace, queue))
  await Promise.all([...byQueue.values()].map((ofQueue) => addTypes(database, ofQueue)))
  for (const key of unknown.keys()) database.knownLanes.add(key)
}

async function addTypes(database: Database, lanes: readonly ReadyLane[]): Promise<void> {
  const { namespace, queue } = lanes[0] as ReadyLane
  const types = lanes.map(({ type }) => type)
  await upsert(() =>
    database.queues.updateOne(
      { _id: queueId(namespace, queue) },
      { $addToSet: { types: { $each: types } }, $setOnInsert: { namespace, queue } },
      { upsert: true },
    ),
  )
}

/** Runs an upsert again that met another one making the same document. */
export async function upsert(run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    await run()
  }
}

function laneKey({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}/${queue}/${type}`
}
