import type { ReadyLane } from '@taskyard/core'
import type { AnyBulkWriteOperation } from 'mongodb'
import type { Database } from './database.ts'
import { type QueueDocument, queueId } from './documents.ts'
import { isDuplicateKey } from './mongodb-errors.ts'

/** Makes sure that the queues know these lanes. Before the first task of a lane, so that claims of every type find it. */
export async function ensureLanes(database: Database, lanes: readonly ReadyLane[]): Promise<void> {
  const unknown = new Map<string, ReadyLane>()
  for (const lane of lanes) {
    const key = laneKey(lane)
    if (database.knownLanes.get(key) === undefined) unknown.set(key, lane)
  }
  if (unknown.size === 0) return
  await database.lanesUnderWay.each([...unknown.keys()], (keys) =>
    addLanes(
      database,
      keys.map((key) => unknown.get(key) as ReadyLane),
    ),
  )
}

async function addLanes(database: Database, lanes: readonly ReadyLane[]): Promise<void> {
  const byQueue = Map.groupBy(lanes, ({ namespace, queue }) => queueId(namespace, queue))
  const operations = [...byQueue].map(([_id, ofQueue]) => addTypes(_id, ofQueue))
  await upsert(() => database.queues.bulkWrite(operations, { ordered: false }))
  for (const lane of lanes) database.knownLanes.set(laneKey(lane), true)
}

function addTypes(_id: string, lanes: readonly ReadyLane[]): AnyBulkWriteOperation<QueueDocument> {
  const { namespace, queue } = lanes[0] as ReadyLane
  const types = lanes.map(({ type }) => type)
  const update = { $addToSet: { types: { $each: types } }, $setOnInsert: { namespace, queue } }
  return { updateOne: { filter: { _id }, update, upsert: true } }
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
