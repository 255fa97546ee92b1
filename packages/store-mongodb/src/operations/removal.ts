import { addCounts, type QueueCounts } from '../counters.ts'
import type { Database } from '../database.ts'
import { keyId, type LightTask, queueId, recordId } from '../documents.ts'
import { idIn, markedBy, writeStatements } from '../write-transitions.ts'

/**
 * Marks ended tasks as removed, which nobody else does while they are as they were read, and then takes away what belongs to
 * them, themselves last: what a crash leaves is still to be found.
 * @returns those that were not changed since they were read
 */
export async function removeEnded(
  database: Database,
  tasks: readonly LightTask[],
  now: number,
): Promise<readonly LightTask[]> {
  if (tasks.length === 0) return []
  const mark = database.nextMark()
  const alike = Map.groupBy(tasks, ({ state, token }) => `${state} ${token}`)
  const operations = [...alike.values()].map((some) => {
    const { state, token } = some[0] as LightTask
    return {
      updateMany: {
        filter: { ...idIn(some.map(({ _id }) => _id)), state, token },
        update: { $set: { state: 'removed' as const, marks: [mark] } },
      },
    }
  })
  const matchedCount = await writeStatements(database, operations, tasks)
  const marked = matchedCount === tasks.length ? null : await markedBy(database, tasks, mark, matchedCount)
  const mine = marked === null ? tasks : tasks.filter(({ _id }) => marked.has(_id))
  await uncount(database, mine, now)
  await takeAway(database, mine)
  return mine
}

async function uncount(database: Database, tasks: readonly LightTask[], now: number): Promise<void> {
  const counts: QueueCounts = new Map()
  for (const { namespace, queue, state, finishedBytes = 0 } of tasks) {
    addCounts(counts, queueId(namespace, queue), { [state]: -1, finishedBytes: -finishedBytes })
  }
  await database.counters.add(counts, now)
}

/** Takes away tasks that are marked as removed. */
export async function takeAway(database: Database, tasks: readonly LightTask[]): Promise<void> {
  if (tasks.length === 0) return
  const keys = tasks.flatMap(({ _id, namespace, idempotencyKey }) =>
    idempotencyKey === undefined ? [] : { _id: keyId(namespace, idempotencyKey), taskId: _id },
  )
  if (keys.length > 0) {
    const operations = keys.map((filter) => ({ updateMany: { filter, update: { $set: { isTaskGone: true } } } }))
    await database.keys.bulkWrite(operations, { ordered: false })
  }
  const free = await outsideEnvelopes(database, tasks)
  // Few tasks have a history beyond what their own document holds.
  const withHistory = free.filter(({ records }) => records > 0)
  for (let at = 0; at < withHistory.length; at += HISTORIES_AT_ONCE) {
    await Promise.all(withHistory.slice(at, at + HISTORIES_AT_ONCE).map((task) => removeHistory(database, task)))
  }
  if (free.length > 0) await database.tasks.deleteMany({ ...idIn(free.map(({ _id }) => _id)), state: 'removed' })
}

const HISTORIES_AT_ONCE = 20

async function removeHistory(database: Database, { _id, records }: LightTask): Promise<void> {
  await database.records.deleteMany({ _id: { $gt: recordId(_id, 0), $lte: recordId(_id, records) } })
}

/** While an envelope may still be opened, what came with it or after it stays: it would be stored a second time. */
export async function outsideEnvelopes(
  { envelopes }: Database,
  tasks: readonly LightTask[],
): Promise<readonly LightTask[]> {
  if (tasks.length === 0) return []
  const [envelope] = await envelopes
    .find({}, { projection: { at: 1 } })
    .sort({ at: 1 })
    .limit(1)
    .toArray()
  return tasks.filter(({ createdAt }) => envelope === undefined || createdAt < envelope.at)
}
