import type { Database } from '../database.ts'
import { COUNTERS, type Counter, type QueueDocument } from '../documents.ts'

/** Longer than any call may take between a task's change and its count: after it, the two must agree. */
const QUIET_MS = 20_000
/** A queue with tasks that seem alive is looked at this often even without a change; any queue, this often. */
const LIVE_MS = 60_000
const ALL_MS = 3_600_000
/** Counting costs the server about 1 s per million: larger queues are compared as seldom as idle ones. */
const FEW = 200_000

const LIVE = ['scheduled', 'queued', 'running'] as const
const STATES = [...LIVE, 'succeeded', 'failed', 'cancelled'] as const

/**
 * Compares the counts of quiet queues with their tasks and mends what a process that died between the two left wrong. A
 * queue under load is left alone: its counts would change while they are read. One process at a time does it.
 */
export async function verifyCounts(database: Database, now: number): Promise<void> {
  const quiet = await database.queues.find({ changedAt: { $lte: now - QUIET_MS } }).toArray()
  for (const queue of quiet) if (isDue(queue, now)) await verify(database, queue, now)
}

function isDue({ changes, verified, verifiedAt = 0, counts = {} }: QueueDocument, now: number): boolean {
  const age = now - verifiedAt
  const size = STATES.reduce((sum, state) => sum + Math.abs(counts[state] ?? 0), 0)
  if (size > FEW || age >= ALL_MS) return age >= ALL_MS
  if (changes !== verified) return true
  return LIVE.some((state) => (counts[state] ?? 0) !== 0) && age >= LIVE_MS
}

async function verify(database: Database, seen: QueueDocument, now: number): Promise<void> {
  const { _id, changes = 0, verifiedAt = null } = seen
  const taking = { _id, changes, verifiedAt } as Pick<QueueDocument, '_id' | 'changes'>
  const { matchedCount } = await database.queues.updateOne(taking, { $set: { verifiedAt: now, verified: changes } })
  if (matchedCount === 0) return
  const $inc = differences(seen, await countTasks(database, seen))
  // Only if nothing was counted meanwhile: then what was read is one picture.
  if (Object.keys($inc).length > 0) await database.queues.updateOne({ _id, changes }, { $inc: { ...$inc, changes: 1 } })
}

interface Group {
  readonly _id: string
  readonly tasks: number
  readonly bytes: number
}

async function countTasks({ tasks }: Database, { namespace, queue }: QueueDocument): Promise<readonly Group[]> {
  return tasks
    .aggregate<Group>([
      { $match: { namespace, queue } },
      { $group: { _id: '$state', tasks: { $sum: 1 }, bytes: { $sum: '$finishedBytes' } } },
    ])
    .toArray()
}

// Tasks found finished that were not counted so have finished since: the total of all ever finished rises with them.
function differences({ counts = {} }: QueueDocument, actual: readonly Group[]): Record<string, number> {
  const seen = actual.filter(({ _id }) => _id !== 'removed')
  const changes: Partial<Record<Counter, number>> = {}
  for (const state of STATES) {
    changes[state] = (seen.find(({ _id }) => _id === state)?.tasks ?? 0) - (counts[state] ?? 0)
  }
  const { succeeded = 0, failed = 0, cancelled = 0 } = changes
  changes.finishedTotal = Math.max(0, succeeded + failed + cancelled)
  changes.finishedBytes = seen.reduce((sum, { bytes }) => sum + bytes, 0) - (counts.finishedBytes ?? 0)
  const named = COUNTERS.map((counter) => [`counts.${counter}`, changes[counter] ?? 0] as const)
  return Object.fromEntries(named.filter(([, difference]) => difference !== 0))
}
