import type { Database } from '../database.ts'
import type { Counter, QueueDocument, Standing, TaskDocument } from '../documents.ts'

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
/** Queues compared in one sweep, of each kind of those that are due. */
const AT_ONCE = 20

const LIVE = ['scheduled', 'queued', 'running'] as const
const FINISHED = ['succeeded', 'failed', 'cancelled'] as const

/**
 * Compares the counts of quiet queues with their tasks, and mends what a process that died between a change and its count
 * left wrong. A queue under load is left alone: its counts would change while they are read.
 */
export async function verifyCounts(database: Database, now: number): Promise<void> {
  const due = await Promise.all([readDoubtful(database, now), readChanged(database, now), readLive(database, now)])
  for (const queue of due.flat()) {
    const isFew = sizeOf(queue.counts, [...LIVE, ...FINISHED]) <= FEW
    if (isFew || queue.isDoubtful === true) await verify(database, queue, now)
    else await take(database, queue, 'large', now)
  }
}

type Seen = Omit<QueueDocument, 'types'>
const WITHOUT_TYPES = { projection: { types: 0 } } as const

function readDoubtful({ queues }: Database, now: number): Promise<Seen[]> {
  const filter = { isDoubtful: true, changedAt: { $not: { $gt: now - QUIET_MS } } }
  return queues.find(filter, WITHOUT_TYPES).limit(AT_ONCE).toArray()
}

function readChanged({ queues }: Database, now: number): Promise<Seen[]> {
  const filter = { standing: 'changed' as const, changedAt: { $lte: now - IDLE_MS } }
  return queues.find(filter, WITHOUT_TYPES).limit(AT_ONCE).toArray()
}

function readLive({ queues }: Database, now: number): Promise<Seen[]> {
  const filter = { standing: 'live' as const, verifiedAt: { $lte: now - LIVE_MS } }
  return queues.find(filter, WITHOUT_TYPES).sort({ verifiedAt: 1 }).limit(AT_ONCE).toArray()
}

function sizeOf(counts: QueueDocument['counts'], states: readonly Counter[]): number {
  return states.reduce((sum, state) => sum + Math.abs(counts?.[state] ?? 0), 0)
}

async function verify(database: Database, seen: Seen, now: number): Promise<void> {
  const { _id, changes = 0 } = seen
  if (!(await take(database, seen, sizeOf(seen.counts, LIVE) > 0 ? 'live' : 'idle', now))) return
  const $inc = differences(seen, await countTasks(database, seen))
  if (isEmpty($inc)) return
  // Only if nothing was counted meanwhile: then what was read is one picture.
  const { matchedCount } = await database.queues.updateOne(
    { _id, changes },
    { $inc: { ...$inc, changes: 1 }, $set: { standing: 'changed' } },
  )
  if (matchedCount === 0) await database.queues.updateOne({ _id }, { $set: { isDoubtful: true } })
}

/** One process compares; the others find that it has been done. */
async function take({ queues }: Database, seen: Seen, standing: Standing, now: number): Promise<boolean> {
  const { _id, changes = 0, verifiedAt = null, writes = {} } = seen
  const filter = { _id, changes, verifiedAt } as Pick<QueueDocument, '_id' | 'changes'>
  // With the numbers of processes that may be long gone: nobody waits for a reply of that age.
  const gone = Object.keys(writes).length > MOST_WRITERS ? { writes: '' as const } : {}
  const $unset = { isDoubtful: '' as const, ...gone }
  const { matchedCount } = await queues.updateOne(filter, {
    $set: { verifiedAt: now, verified: changes, standing },
    $unset,
  })
  return matchedCount === 1
}

type Actual = Partial<Record<Counter, number>>

async function countTasks({ tasks }: Database, { namespace, queue, counts }: Seen): Promise<Actual> {
  const actual: Actual = {}
  const count = async (state: (typeof LIVE)[number] | (typeof FINISHED)[number]) => {
    actual[state] = await tasks.countDocuments({ state, namespace, queue })
  }
  if (sizeOf(counts, LIVE) <= MOST_LIVE) await Promise.all(LIVE.map(count))
  if (sizeOf(counts, FINISHED) > MOST_FINISHED) return actual
  await Promise.all(FINISHED.map(count))
  const bytes = await Promise.all(FINISHED.map((state) => bytesOf(tasks, { state, namespace, queue })))
  actual.finishedBytes = bytes.reduce((sum, each) => sum + each)
  return actual
}

// One sum per group: FerretDB 1.x gives 0 for any but the first.
async function bytesOf(tasks: Database['tasks'], filter: Pick<TaskDocument, 'state' | 'namespace' | 'queue'>) {
  const [sum] = await tasks
    .aggregate<{ bytes: number }>([{ $match: filter }, { $group: { _id: null, bytes: { $sum: '$finishedBytes' } } }])
    .toArray()
  return sum?.bytes ?? 0
}

// Tasks found finished that were not counted so have finished since: the total of all ever finished rises with them.
function differences({ counts = {} }: Seen, actual: Actual): Record<string, number> {
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
