import { type CountsParams, type PauseParams, type QueueCounts, type ReadyLane, TASK_STATUSES } from '@taskyard/core'
import type { Collection } from 'mongodb'
import type { Database } from '../database.ts'
import { type QueueDocument, queueId } from '../documents.ts'
import { upsert } from '../lanes.ts'
import { type Counted, countOf, oldestReady } from './oldest-ready.ts'
import { promoteDue } from './promote.ts'

/** The port's `counts`, from the counts that queues keep; what this process has not written of them yet goes first. */
export async function counts(
  database: Database,
  { namespace, queue }: CountsParams,
  now: number,
): Promise<QueueCounts[]> {
  await promoteDue(database, now)
  await database.counters.flush()
  const wanted = queue === null ? { namespace } : { _id: queueId(namespace, queue) }
  // One that was only ever paused has had no task.
  const filter = { ...wanted, types: { $exists: true } }
  const projection = { queue: 1, paused: 1, counts: 1 } as const
  const found = await database.queues.find(filter, { projection }).sort({ _id: 1 }).toArray()
  const waiting = found.filter((each) => countOf(each, 'queued') > 0)
  const oldest = await oldestReady(database, namespace, waiting)
  return found.map((each) => queueCounts(each, oldest.get(each.queue) ?? null))
}

function queueCounts(document: Counted, oldestReadyAt: number | null): QueueCounts {
  const { queue, paused = false, counts: { finishedTotal = 0 } = {} } = document
  const counted = TASK_STATUSES.map((status) => [status, countOf(document, status)])
  return { queue, paused, counts: Object.fromEntries(counted) as QueueCounts['counts'], oldestReadyAt, finishedTotal }
}

/** The port's `pause`. When a queue goes on, its lanes are told as ready, so that waiting claims look. */
export async function pause(database: Database, { namespace, queue, paused }: PauseParams): Promise<void> {
  const _id = queueId(namespace, queue)
  await upsert(() => database.queues.updateOne({ _id }, { $set: { paused, namespace, queue } }, { upsert: true }))
  if (!paused) await publishReadyQueue(database, _id)
}

async function publishReadyQueue(database: Database, _id: string): Promise<void> {
  const found = await database.queues.findOne({ _id })
  if (found === null) return
  database.publishReady(lanesOf(found))
}

function lanesOf({ namespace, queue, types = [] }: Lanes): ReadyLane[] {
  return types.map((type) => ({ namespace, queue, type }))
}

type Lanes = Pick<QueueDocument, 'namespace' | 'queue' | 'types'>

/** The lanes of all queues that have ready tasks, by their counts. */
export async function allReadyLanes(queues: Collection<QueueDocument>): Promise<readonly ReadyLane[]> {
  const projection = { namespace: 1, queue: 1, types: 1 } as const
  const found = await queues.find({ 'counts.queued': { $gt: 0 } }, { projection }).toArray()
  return found.flatMap(lanesOf)
}
