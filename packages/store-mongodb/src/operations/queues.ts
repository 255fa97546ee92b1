import {
  type CountsParams,
  type PauseParams,
  type QueueCounts,
  type ReadyLane,
  TASK_STATUSES,
  type TaskStatus,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import { type QueueDocument, queueId } from '../documents.ts'
import { upsert } from '../lanes.ts'
import { promoteDue } from './promote.ts'

export async function counts(
  database: Database,
  { namespace, queue }: CountsParams,
  now: number,
): Promise<QueueCounts[]> {
  await promoteDue(database, now)
  await database.counters.flush()
  const filter = queue === null ? { namespace } : { _id: queueId(namespace, queue) }
  const found = await database.queues.find(filter).sort({ _id: 1 }).toArray()
  return Promise.all(found.filter(({ types = [] }) => types.length > 0).map((each) => queueCounts(database, each)))
}

async function queueCounts(database: Database, document: QueueDocument): Promise<QueueCounts> {
  const { namespace, queue, paused = false, counts: counted = {} } = document
  const countOf = (status: TaskStatus) => Math.max(0, status === 'blocked' ? 0 : (counted[status] ?? 0))
  return {
    queue,
    paused,
    counts: Object.fromEntries(TASK_STATUSES.map((status) => [status, countOf(status)])) as QueueCounts['counts'],
    oldestReadyAt: countOf('queued') === 0 ? null : await oldestReady(database, namespace, queue),
    finishedTotal: counted.finishedTotal ?? 0,
  }
}

async function oldestReady({ tasks }: Database, namespace: string, queue: string): Promise<number | null> {
  const [oldest] = await tasks
    .find({ state: 'queued', namespace, queue }, { projection: { runAt: 1 } })
    .sort({ runAt: 1 })
    .limit(1)
    .toArray()
  return oldest?.runAt ?? null
}

export async function pause(database: Database, { namespace, queue, paused }: PauseParams): Promise<void> {
  const _id = queueId(namespace, queue)
  await upsert(() => database.queues.updateOne({ _id }, { $set: { paused, namespace, queue } }, { upsert: true }))
  if (!paused) await announceQueue(database, _id)
}

async function announceQueue(database: Database, _id: string): Promise<void> {
  const found = await database.queues.findOne({ _id })
  if (found === null) return
  database.announce(lanesOf(found))
}

export function lanesOf({ namespace, queue, types = [] }: QueueDocument): ReadyLane[] {
  return types.map((type) => ({ namespace, queue, type }))
}
