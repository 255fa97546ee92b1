import { LIMITS, type NewTask } from '@taskyard/core'
import type { Database } from '../database.ts'
import { type KeyDocument, keyId } from '../documents.ts'
import { duplicatesOf } from '../mongodb-errors.ts'
import { idIn, readLightOfAny } from '../write-transitions.ts'
import type { Plan, Submission, UsedKey } from './enqueue-plan.ts'

const KEY_LIFE_MS = LIMITS.idempotencySeconds * 1000

/** The keys of these tasks that are in use, each with what became of its task. */
export async function readKeys(
  database: Database,
  tasks: readonly NewTask[],
  now: number,
): Promise<ReadonlyMap<string, UsedKey>> {
  const ids = tasks.flatMap(({ namespace, idempotency }) =>
    idempotency === null ? [] : keyId(namespace, idempotency.key),
  )
  if (ids.length === 0) return new Map()
  const found = await database.keys.find(idIn([...new Set(ids)])).toArray()
  const used = found.filter(({ expiresAt }) => expiresAt > now)
  const stored = await readLightOfAny(
    database,
    used.map(({ taskId }) => taskId),
  )
  return new Map(
    used.map(({ _id, taskId, fingerprint, isTaskGone = false }) => {
      const task = stored.has(taskId) ? 'stored' : isTaskGone ? 'gone' : 'missing'
      return [_id, { taskId, fingerprint, task }]
    }),
  )
}

/**
 * Takes the keys that submissions are the first to use, before anything of them is stored: a key is one document, so one
 * of many that come together has it. A submission that dies here leaves a key without a task; the same submission, sent
 * again, finds it and stores the task under the id in the key.
 */
export async function takeKeys(
  database: Database,
  { accepted }: Plan,
  now: number,
): Promise<{ taken: Plan['accepted']; lost: readonly Submission[] }> {
  const wanted = accepted.flatMap(({ index, keys }) => keys.map((key) => ({ index, key })))
  if (wanted.length === 0) return { taken: accepted, lost: [] }
  const documents = wanted.map(({ key }): KeyDocument => ({ ...key, expiresAt: now + KEY_LIFE_MS }))
  const duplicates = await insertKeys(database, documents, now)
  const losers = new Set([...duplicates].map((place) => wanted[place]?.index))
  if (losers.size === 0) return { taken: accepted, lost: [] }
  await giveBack(
    database,
    wanted.filter(({ index }, place) => losers.has(index) && !duplicates.has(place)).map(({ key }) => key),
  )
  return dependingOn(accepted, losers)
}

async function insertKeys(database: Database, documents: KeyDocument[], now: number): Promise<ReadonlySet<number>> {
  await database.keys.deleteMany({ ...idIn(documents.map(({ _id }) => _id)), expiresAt: { $lte: now } })
  try {
    await database.keys.insertMany(documents, { ordered: false })
    return new Set()
  } catch (error) {
    return duplicatesOf(error)
  }
}

async function giveBack(database: Database, keys: readonly { readonly _id: string; readonly taskId: string }[]) {
  for (const { _id, taskId } of keys) await database.keys.deleteMany({ _id, taskId })
}

// A submission may have been judged by a key that another one of this call was to take: it goes with the loser.
function dependingOn(accepted: Plan['accepted'], losers: ReadonlySet<number | undefined>) {
  const isLost = ({ index, tasks }: Submission) =>
    losers.has(index) || (losers.size > 0 && tasks.some(({ idempotency }) => idempotency !== null))
  return { taken: accepted.filter((each) => !isLost(each)), lost: accepted.filter(isLost) }
}
