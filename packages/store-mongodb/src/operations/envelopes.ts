import type { Database } from '../database.ts'
import type { EnvelopeDocument, TaskDocument } from '../documents.ts'
import { ensureLanes } from '../lanes.ts'
import { duplicatesOf } from '../mongodb-errors.ts'
import { idIn } from '../write-transitions.ts'
import { insertTasks } from './insert-tasks.ts'

/** A document may have 16 MiB; tasks are put into parts of half of it. */
const PART_BYTES = 8 * 1024 * 1024
const TASK_OVERHEAD_BYTES = 4096
/** An envelope as old as this was left by a process that died: calls take at most 10 s. */
const LEFT_AFTER_MS = 20_000
/** Parts without a first document were never accepted. */
const PARTS_KEPT_MS = 3_600_000
const AT_ONCE = 20

/**
 * Accepts submissions of several tasks: once this resolves they are stored, whoever dies, because `recoverEnvelopes`
 * makes their tasks. Before it nothing of them is.
 */
export async function writeEnvelopes(
  database: Database,
  batches: readonly (readonly TaskDocument[])[],
  now: number,
): Promise<readonly string[]> {
  if (batches.length === 0) return []
  const envelopes = batches.map((tasks) => partsOf(tasks, now))
  await insertOnce(
    database,
    envelopes.flatMap((parts) => parts.slice(1)),
  )
  await insertOnce(
    database,
    envelopes.map(([first]) => first as EnvelopeDocument),
  )
  return envelopes.flatMap((parts) => parts.map(({ _id }) => _id))
}

/** The tasks are there: the envelopes, first documents first, are done with. */
export async function closeEnvelopes({ envelopes }: Database, ids: readonly string[]): Promise<void> {
  const isPart = (id: string) => id.includes('/')
  for (const some of [ids.filter((id) => !isPart(id)), ids.filter(isPart)]) {
    if (some.length > 0) await envelopes.deleteMany(idIn(some))
  }
}

function partsOf(tasks: readonly TaskDocument[], at: number): EnvelopeDocument[] {
  const id = (tasks[0] as TaskDocument)._id
  const parts: TaskDocument[][] = [[]]
  let bytes = 0
  for (const task of tasks) {
    const size = task.payloadBytes + TASK_OVERHEAD_BYTES
    if (bytes + size > PART_BYTES && bytes > 0) {
      parts.push([])
      bytes = 0
    }
    bytes += size
    parts.at(-1)?.push(task)
  }
  return parts.map((some, n) =>
    n === 0 ? { _id: id, at, tasks: some, parts: parts.length } : { _id: `${id}/${n}`, at, tasks: some },
  )
}

// The same submission, repeated after a lost reply, has the same envelope.
async function insertOnce({ envelopes }: Database, documents: EnvelopeDocument[]): Promise<void> {
  if (documents.length === 0) return
  try {
    await envelopes.insertMany(documents, { ordered: false })
  } catch (error) {
    duplicatesOf(error)
  }
}

/** Completes submissions whose process died between accepting and storing them, and forgets what was never accepted. */
export async function recoverEnvelopes(database: Database, now: number): Promise<void> {
  const { envelopes } = database
  const accepted = { parts: { $exists: true }, at: { $lte: now - LEFT_AFTER_MS } }
  const left = await envelopes
    .find(accepted, { projection: { parts: 1 } })
    .sort({ at: 1 })
    .limit(AT_ONCE)
    .toArray()
  for (const { _id, parts = 1 } of left) await complete(database, _id, parts, now)
  const orphans = { parts: { $exists: false }, at: { $lte: now - PARTS_KEPT_MS } }
  const found = await envelopes
    .find(orphans, { projection: { _id: 1 } })
    .limit(AT_ONCE)
    .toArray()
  if (found.length > 0) await envelopes.deleteMany(idIn(found.map(({ _id }) => _id)))
}

// One part at a time: together they can be as big as a submission.
async function complete(database: Database, id: string, parts: number, now: number): Promise<void> {
  const ids = [id, ...Array.from({ length: parts - 1 }, (_, n) => `${id}/${n + 1}`)]
  for (const _id of ids) {
    const part = await database.envelopes.findOne({ _id })
    if (part === null) continue
    await ensureLanes(database, part.tasks)
    await insertTasks(database, part.tasks, now)
  }
  await closeEnvelopes(database, ids)
}
