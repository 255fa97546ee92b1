import type { Database } from '../database.ts'
import type { Counter, QueueDocument, TaskDocument } from '../documents.ts'

/** A queue in doubt is compared once nothing has been counted for this long; should a count still be on its way, it is again. */
const QUIET_MS = 2_000
/** Any queue that has changed, and with tasks that seem alive even one that has not. */
const IDLE_MS = 20_000
const LIVE_MS = 60_000
/** Counting costs the server about 1 s per million. */
const MOST_LIVE = 500_000
const MOST_FINISHED = 200_000
/** Queues beyond this are compared only when in doubt. */
const FEW = 20_000
const MOST_WRITERS = 100

const LIVE = ['scheduled', 'queued', 'running'] as const
const FINISHED = ['succeeded', 'failed', 'cancelled'] as const

/**
 * Compares the counts of quiet queues with their tasks, and mends what a process that died between a change and its count
 * left wrong. A queue under load is left alone: its counts would change while they are read.
 */
export async function verifyCounts(database: Database, now: number): Promise<void> {
  const queues = await database.queues.find({}).toArray()
  const quiet = queues.filter(({ changedAt = 0 }) => changedAt <= now - QUIET_MS)
  for (const queue of quiet) if (isDue(queue, now)) await verify(database, queue, now)
}

function isDue({ changes, changedAt = 0, verified, verifiedAt = 0, isDoubtful, counts }: QueueDocument, now: number) {
  if (isDoubtful === true) return true
  if (now - changedAt < IDLE_MS || sizeOf(counts, [...LIVE, ...FINISHED]) > FEW) return false
  return changes !== verified || (sizeOf(counts, LIVE) > 0 && now - verifiedAt >= LIVE_MS)
}

function sizeOf(counts: QueueDocument['counts'], states: readonly Counter[]): number {
  return states.reduce((sum, state) => sum + Math.abs(counts?.[state] ?? 0), 0)
}

async function verify(database: Database, seen: QueueDocument, now: number): Promise<void> {
  const { _id, changes = 0 } = seen
  if (!(await take(database, seen, now))) return
  const $inc = differences(seen, await countTasks(database, seen))
  if (isEmpty($inc)) return
  // Only if nothing was counted meanwhile: then what was read is one picture.
  const { matchedCount } = await database.queues.updateOne({ _id, changes }, { $inc: { ...$inc, changes: 1 } })
  if (matchedCount === 0) await database.queues.updateOne({ _id }, { $set: { isDoubtful: true } })
}

/** One process compares; the others find that it has been done. */
async function take({ queues }: Database, seen: QueueDocument, now: number): Promise<boolean> {
  const { _id, changes = 0, verifiedAt = null, writes = {} } = seen
  const filter = { _id, changes, verifiedAt } as Pick<QueueDocument, '_id' | 'changes'>
  // With the numbers of processes that may be long gone: nobody waits for a reply of that age.
  const gone = Object.keys(writes).length > MOST_WRITERS ? { writes: '' as const } : {}
  const $unset = { isDoubtful: '' as const, ...gone }
  const { matchedCount } = await queues.updateOne(filter, { $set: { verifiedAt: now, verified: changes }, $unset })
  return matchedCount === 1
}

type Actual = Partial<Record<Counter, number>>

async function countTasks({ tasks }: Database, { namespace, queue, counts }: QueueDocument): Promise<Actual> {
  const actual: Actual = {}
  const count = async (state: (typeof LIVE)[number]) => {
    actual[state] = await tasks.countDocuments({ state, namespace, queue })
  }
  if (sizeOf(counts, LIVE) <= MOST_LIVE) await Promise.all(LIVE.map(count))
  if (sizeOf(counts, FINISHED) > MOST_FINISHED) return actual
  const sums = await Promise.all(FINISHED.map((state) => sumFinished(tasks, { state, namespace, queue })))
  for (const [n, state] of FINISHED.entries()) actual[state] = sums[n]?.tasks ?? 0
  actual.finishedBytes = sums.reduce((bytes, sum) => bytes + sum.bytes, 0)
  return actual
}

async function sumFinished(tasks: Database['tasks'], filter: Pick<TaskDocument, 'state' | 'namespace' | 'queue'>) {
  const sums = await tasks
    .aggregate<{ tasks: number; bytes: number }>([
      { $match: filter },
      { $group: { _id: '$state', tasks: { $sum: 1 }, bytes: { $sum: '$finishedBytes' } } },
    ])
    .toArray()
  return sums[0] ?? { tasks: 0, bytes: 0 }
}

// Tasks found finished that were not counted so have finished since: the total of all ever finished rises with them.
function differences({ counts = {} }: QueueDocument, actual: Actual): Record<string, number> {
  const changes: Actual = {}
  for (const [counter, count] of Object.entries(actual) as [Counter, number][]) {
    changes[counter] = count - (counts[counter] ?? 0)
  }
  changes.finishedTotal = Math.max(
    0,
    FINISHED.reduce((sum, state) => sum + (changes[state] ?? 0), 0),
  )
  const named = Object.entries(changes).map(([counter, difference]) => [`counts.${counter}`, difference] as const)
  return Object.fromEntries(named.filter(([, difference]) => difference !== 0))
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0
}
