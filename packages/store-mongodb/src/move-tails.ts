import type { Database } from './database.ts'
import { type LightTask, type RecordDocument, recordId, type StoredRecord } from './documents.ts'
import { duplicatesOf } from './mongodb-errors.ts'
import { idIn } from './write-transitions.ts'

/** A task keeps its newest history lines up to this many bytes; then they move, so that the next update is cheap again. */
export const TAIL_BYTES = 16_384
const TASKS_AT_ONCE = 100

/**
 * Moves the tails of tasks to the history's own collection where they have grown. `tasks` are as they were read before
 * the last change. A line's number is its place, so copying one again is harmless, and a tail is emptied only as it was
 * copied: a crash in between leaves lines in both places, which readers see once.
 */
export async function moveGrownTails(database: Database, tasks: readonly LightTask[]): Promise<void> {
  const grown = tasks.filter(({ tailBytes }) => tailBytes > TAIL_BYTES).map(({ _id }) => _id)
  for (let at = 0; at < grown.length; at += TASKS_AT_ONCE)
    await moveTails(database, grown.slice(at, at + TASKS_AT_ONCE))
}

/** Moves whole tails, whatever their size; of tasks without one nothing happens. */
export async function moveTails(database: Database, taskIds: readonly string[]): Promise<void> {
  const projection = { records: 1, tail: 1 } as const
  const tasks = await database.tasks.find({ ...idIn(taskIds), tailBytes: { $gt: 0 } }, { projection }).toArray()
  if (tasks.length === 0) return
  await insertOnce(
    database,
    tasks.flatMap(({ _id, records, tail }) =>
      tail.map((line, index) => recordDocument(_id, records - tail.length + index + 1, line)),
    ),
  )
  await database.tasks.bulkWrite(
    tasks.map(({ _id, records, tail }) => ({
      updateMany: {
        filter: { _id, records, tail: { $size: tail.length } },
        update: { $set: { tail: [], tailBytes: 0 } },
      },
    })),
    { ordered: false },
  )
}

function recordDocument(taskId: string, n: number, line: StoredRecord): RecordDocument {
  return { _id: recordId(taskId, n), ...line }
}

async function insertOnce(database: Database, records: RecordDocument[]): Promise<void> {
  try {
    await database.records.insertMany(records, { ordered: false })
  } catch (error) {
    duplicatesOf(error)
  }
}
