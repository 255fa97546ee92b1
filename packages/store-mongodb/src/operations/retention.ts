import type { Retention, TerminalStatus } from '@taskyard/core'
import { addCounts, type QueueCounts } from '../counters.ts'
import type { Database } from '../database.ts'
import { keyId, LIGHT, type LightTask, queueId, recordId } from '../documents.ts'
import { idIn, markedBy, writeStatements } from '../write-transitions.ts'

const ENDINGS: readonly TerminalStatus[] = ['succeeded', 'failed', 'cancelled']

/** Removes finished tasks that are over a bound, the longest finished first, at most `limit`. */
export async function removeFinished(
  database: Database,
  retention: Retention,
  limit: number,
  now: number,
): Promise<number> {
  const before = (seconds: number) => now - seconds * 1000
  await completeRemovals(database, limit, now)
  const old = await Promise.all(
    ENDINGS.map((state) => {
      const seconds = state === 'failed' ? retention.failedSeconds : retention.succeededSeconds
      return finishedBefore(database, state, before(seconds), limit)
    }),
  )
  let removed = await remove(database, old.flat().slice(0, limit), now)
  if (removed < limit) removed += await removeOverBytes(database, retention.finishedBytes, limit - removed, now)
  return removed
}

async function finishedBefore(
  { tasks, envelopes }: Database,
  state: TerminalStatus,
  time: number,
  limit: number,
): Promise<readonly LightTask[]> {
  if (limit <= 0) return []
  const filter = { state, finishedAt: { $gt: 0, $lte: time } }
  const found = await tasks.find(filter, { projection: LIGHT }).sort({ finishedAt: 1 }).limit(limit).toArray()
  if (found.length === 0) return []
  // While an envelope may still be opened, what came with it or after it stays: it would be stored a second time.
  const [envelope] = await envelopes
    .find({}, { projection: { at: 1 } })
    .sort({ at: 1 })
    .limit(1)
    .toArray()
  return (found as LightTask[]).filter(({ createdAt }) => envelope === undefined || createdAt < envelope.at)
}

async function removeOverBytes(database: Database, maxBytes: number, limit: number, now: number): Promise<number> {
  let over = (await finishedBytes(database, maxBytes, now)) - maxBytes
  if (over <= 0) return 0
  const oldest = await Promise.all(
    ENDINGS.map((state) => finishedBefore(database, state, Number.MAX_SAFE_INTEGER, limit)),
  )
  const inOrder = oldest.flat().sort((one, other) => (one.finishedAt ?? 0) - (other.finishedAt ?? 0))
  const chosen: LightTask[] = []
  for (const task of inOrder.slice(0, limit)) {
    if (over <= 0) break
    over -= task.finishedBytes ?? 0
    chosen.push(task)
  }
  return remove(database, chosen, now)
}

/** Of many queues the sum is read anew only now and then, unless it is over the bound: then before each removal. */
async function finishedBytes({ queues, upkeep }: Database, maxBytes: number, now: number): Promise<number> {
  const { finished } = upkeep
  if (finished !== null && finished.bytes <= maxBytes && now - finished.readAt < SUM_LIFE_MS) return finished.bytes
  const sums = queues.aggregate<{ bytes: number }>([
    { $group: { _id: null, bytes: { $sum: '$counts.finishedBytes' } } },
  ])
  const [[sum], count] = await Promise.all([sums.toArray(), queues.estimatedDocumentCount()])
  const bytes = sum?.bytes ?? 0
  upkeep.finished = count > FEW_QUEUES ? { bytes, readAt: now } : null
  return bytes
}

const FEW_QUEUES = 1_000
const SUM_LIFE_MS = 30_000

/**
 * Marks the tasks as removed, which nobody else does while they are finished, and then takes away what belongs to them,
 * themselves last: what a crash leaves is still to be found.
 */
async function remove(database: Database, tasks: readonly LightTask[], now: number): Promise<number> {
  if (tasks.length === 0) return 0
  const mark = database.nextMark()
  const groups = Map.groupBy(tasks, ({ state }) => state)
  const operations = [...groups].map(([state, some]) => ({
    updateMany: {
      filter: { ...idIn(some.map(({ _id }) => _id)), state },
      update: { $set: { state: 'removed' as const, marks: [mark] } },
    },
  }))
  const matchedCount = await writeStatements(database, operations, tasks)
  const marked = matchedCount === tasks.length ? null : await markedBy(database, tasks, mark, matchedCount)
  const mine = marked === null ? tasks : tasks.filter(({ _id }) => marked.has(_id))
  await uncount(database, mine, now)
  await deleteTasks(database, mine)
  return mine.length
}

async function uncount(database: Database, tasks: readonly LightTask[], now: number): Promise<void> {
  const counts: QueueCounts = new Map()
  for (const { namespace, queue, state, finishedBytes = 0 } of tasks) {
    addCounts(counts, queueId(namespace, queue), { [state]: -1, finishedBytes: -finishedBytes })
  }
  await database.counters.add(counts, now)
}

async function deleteTasks(database: Database, tasks: readonly LightTask[]): Promise<void> {
  if (tasks.length === 0) return
  const keys = tasks.flatMap(({ _id, namespace, idempotencyKey }) =>
    idempotencyKey === undefined ? [] : { _id: keyId(namespace, idempotencyKey), taskId: _id },
  )
  if (keys.length > 0) {
    const operations = keys.map((filter) => ({ updateMany: { filter, update: { $set: { isTaskGone: true } } } }))
    await database.keys.bulkWrite(operations, { ordered: false })
  }
  // Few tasks have a history beyond what their own document holds.
  const withHistory = tasks.filter(({ records }) => records > 0)
  for (let at = 0; at < withHistory.length; at += HISTORIES_AT_ONCE) {
    await Promise.all(withHistory.slice(at, at + HISTORIES_AT_ONCE).map((task) => removeHistory(database, task)))
  }
  await database.tasks.deleteMany({ ...idIn(tasks.map(({ _id }) => _id)), state: 'removed' })
}

const HISTORIES_AT_ONCE = 20

async function removeHistory(database: Database, { _id, records }: LightTask): Promise<void> {
  await database.records.deleteMany({ _id: { $gt: recordId(_id, 0), $lte: recordId(_id, records) } })
}

// A sweep died after it had marked and before it had taken away; its counts are mended with the others.
async function completeRemovals(database: Database, limit: number, now: number): Promise<void> {
  const filter = { state: 'removed' as const, finishedAt: { $gt: 0, $lte: now - LEFT_AFTER_MS } }
  const left = await database.tasks.find(filter, { projection: LIGHT }).limit(limit).toArray()
  await deleteTasks(database, left as LightTask[])
}

/** A removal as old as this is not under way any more. */
const LEFT_AFTER_MS = 20_000

/** @returns how many keys were over; there may be more when it is `limit` */
export async function forgetKeys({ keys }: Database, limit: number, now: number): Promise<number> {
  const over = await keys
    .find({ expiresAt: { $lte: now } }, { projection: { _id: 1 } })
    .limit(limit)
    .toArray()
  if (over.length > 0) await keys.deleteMany({ ...idIn(over.map(({ _id }) => _id)), expiresAt: { $lte: now } })
  return over.length
}
