import type { NewTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { queueId } from '../documents.ts'
import { idIn } from '../write-transitions.ts'

/** What was read of a queue's filling is good for this long, as long as the queue is less than half full. Milliseconds. */
const FILLING_LIFE_MS = 1_000

/**
 * How many more waiting tasks each queue of these tasks may take. From the counts, so that several processes that fill a
 * queue at the same moment can exceed its depth by what they submit within it.
 */
export async function readRoom(
  database: Database,
  tasks: readonly NewTask[],
  queueDepth: number,
): Promise<ReadonlyMap<string, number>> {
  const arriving = new Map<string, number>()
  for (const { namespace, queue } of tasks) {
    const id = queueId(namespace, queue)
    arriving.set(id, (arriving.get(id) ?? 0) + 1)
  }
  const unsure = [...arriving].filter(([id, count]) => !hasAmpleRoom(database, id, count, queueDepth))
  await database.fillingsUnderWay.each(
    unsure.map(([id]) => id),
    (ids) => readFillings(database, ids),
  )
  const room = new Map<string, number>()
  for (const [id, count] of arriving) {
    const filling = database.fillings.get(id)
    room.set(id, queueDepth - (filling?.waiting ?? 0))
    if (filling !== undefined) filling.waiting += count
  }
  return room
}

function hasAmpleRoom(database: Database, id: string, count: number, queueDepth: number): boolean {
  const filling = database.fillings.get(id)
  if (filling === undefined || database.monotonic() - filling.readAt > FILLING_LIFE_MS) return false
  return filling.waiting + count < queueDepth / 2
}

async function readFillings({ queues, fillings, monotonic }: Database, ids: readonly string[]): Promise<void> {
  const readAt = monotonic()
  const found = await queues.find(idIn(ids), { projection: { counts: 1 } }).toArray()
  const counts = new Map(found.map(({ _id, counts: counted = {} }) => [_id, counted]))
  for (const id of ids) {
    const { queued = 0, scheduled = 0 } = counts.get(id) ?? {}
    fillings.set(id, { readAt, waiting: queued + scheduled })
  }
}
