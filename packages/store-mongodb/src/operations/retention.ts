import type { Retention, TerminalStatus } from '@taskyard/core'
import type { Database } from '../database.ts'
import { LIGHT, type LightTask } from '../documents.ts'
import { idIn } from '../write-transitions.ts'
import { outsideEnvelopes, removeEnded, takeAway } from './removal.ts'

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
  let removed = (await removeEnded(database, old.flat().slice(0, limit), now)).length
  if (removed < limit) removed += await removeOverBytes(database, retention.finishedBytes, limit - removed, now)
  return removed
}

async function finishedBefore(
  database: Database,
  state: TerminalStatus,
  time: number,
  limit: number,
): Promise<readonly LightTask[]> {
  if (limit <= 0) return []
  const filter = { state, finishedAt: { $gt: 0, $lte: time } }
  const found = await database.tasks.find(filter, { projection: LIGHT }).sort({ finishedAt: 1 }).limit(limit).toArray()
  return outsideEnvelopes(database, found as LightTask[])
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
  return (await removeEnded(database, chosen, now)).length
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

// Somebody died after they had marked and before they had taken away, or had to leave it; the counts are mended with the others.
async function completeRemovals(database: Database, limit: number, now: number): Promise<void> {
  const filter = { state: 'removed' as const, finishedAt: { $gt: 0, $lte: now - LEFT_AFTER_MS } }
  const left = await database.tasks.find(filter, { projection: LIGHT }).limit(limit).toArray()
  await takeAway(database, left as LightTask[])
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
