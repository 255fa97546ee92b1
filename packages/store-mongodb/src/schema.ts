import { type MigrationReport, TaskyardError } from '@taskyard/core'
import type { IndexDescription } from 'mongodb'
import type { Collections } from './collections.ts'
import type { Database } from './database.ts'
import { upsert } from './lanes.ts'
import { isIndexMissing } from './mongodb-errors.ts'

/** Rises with every change that an older Taskyard could not live with. */
const VERSION = 1

/** The query that each index serves is beside it; equality first, then order, then range. */
const TASK_INDEXES: readonly (IndexDescription & { readonly name: string })[] = [
  // Lists, newest first.
  { name: 'by_age', key: { namespace: 1, createdAt: -1, _id: -1 } },
  // Lists of a queue, and its tasks compared with its counts.
  { name: 'by_queue', key: { namespace: 1, queue: 1, createdAt: -1, _id: -1 } },
  // Lists by tag.
  {
    name: 'by_tag',
    key: { namespace: 1, tags: 1, createdAt: -1, _id: -1 },
    partialFilterExpression: { tags: { $exists: true } },
  },
  // Lists of dead letters, which are looked for among many that succeeded.
  {
    name: 'failed_by_age',
    key: { state: 1, namespace: 1, createdAt: -1, _id: -1 },
    partialFilterExpression: { state: 'failed' },
  },
  // Claims: the head of each lane in order.
  {
    name: 'ready_in_order',
    key: { state: 1, namespace: 1, queue: 1, type: 1, priority: -1, runAt: 1, _id: 1 },
    partialFilterExpression: { state: 'queued' },
  },
  // Claims of every queue; `queue` is there to pass over those that are paused.
  {
    name: 'ready_of_type_in_order',
    key: { state: 1, namespace: 1, type: 1, priority: -1, runAt: 1, _id: 1, queue: 1 },
    partialFilterExpression: { state: 'queued' },
  },
  // The same of every type.
  {
    name: 'ready_of_all_in_order',
    key: { state: 1, namespace: 1, priority: -1, runAt: 1, _id: 1, queue: 1 },
    partialFilterExpression: { state: 'queued' },
  },
  // How long the oldest of a queue has waited, whatever its priority.
  {
    name: 'ready_by_age',
    key: { state: 1, namespace: 1, queue: 1, runAt: 1 },
    partialFilterExpression: { state: 'queued' },
  },
  // What falls due.
  {
    name: 'scheduled_by_time',
    key: { state: 1, runAt: 1, namespace: 1, queue: 1 },
    partialFilterExpression: { state: 'scheduled' },
  },
  // Leases to look at, and who holds how many.
  {
    name: 'leases_by_wake',
    key: { state: 1, wakeAt: 1, holder: 1, expiresAt: 1 },
    partialFilterExpression: { state: 'running' },
  },
  // A claim that is repeated.
  {
    name: 'leases_by_claim',
    key: { claimed: 1 },
    sparse: true,
  },
  // Retention, oldest first.
  {
    name: 'finished_by_time',
    key: { state: 1, finishedAt: 1 },
    partialFilterExpression: { finishedAt: { $gt: 0 } },
  },
]

/** Of earlier versions; an index above serves their queries too. */
const FORMER_TASK_INDEXES = ['leases_by_time']

/** Makes what is missing. Creating an index that is there changes nothing, so several processes may do it at once. */
export async function migrate(
  collections: Collections,
  { name, deployment }: Pick<Database, 'name' | 'deployment'>,
): Promise<MigrationReport> {
  const { meta, queues } = collections
  const found = await meta.findOne({ _id: 'schema' })
  const from = found?.version ?? 0
  if (from > VERSION) {
    throw new TaskyardError('store_too_new', { path: `database ${name}`, found: from, known: VERSION })
  }
  // FerretDB has no partial indexes, and plain ones it makes but does not use.
  if (deployment.kind !== 'FerretDB') await createIndexes(collections)
  // Whoever ran here before may have died between a change and its count.
  await queues.updateMany({}, { $set: { isDoubtful: true } })
  await upsert(() => meta.updateOne({ _id: 'schema' }, { $max: { version: VERSION } }, { upsert: true }))
  return { from, to: VERSION }
}

async function ignoreMissing(dropped: Promise<unknown>): Promise<void> {
  await dropped.catch((error) => {
    if (!isIndexMissing(error)) throw error
  })
}

/** Names of the indexes that claims, sweeps and lists need. */
export function wantedIndexes(): readonly string[] {
  return TASK_INDEXES.map(({ name }) => name)
}

/** The fields of an index of tasks, in order. */
export function indexKey(name: string): IndexDescription['key'] {
  return TASK_INDEXES.find((index) => index.name === name)?.key ?? {}
}

async function createIndexes({ tasks, keys, queues }: Collections): Promise<void> {
  await tasks.createIndexes([...TASK_INDEXES])
  for (const name of FORMER_TASK_INDEXES) await ignoreMissing(tasks.dropIndex(name))
  await keys.createIndex({ expiresAt: 1 }, { name: 'by_end' })
  await queues.createIndexes([
    { name: 'doubtful', key: { isDoubtful: 1 }, sparse: true },
    { name: 'by_standing', key: { standing: 1, verifiedAt: 1 } },
    { name: 'by_namespace', key: { namespace: 1, paused: 1 } },
  ])
}
