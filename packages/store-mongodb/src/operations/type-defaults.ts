import {
  type BeatReply,
  type DeclareTypesOutcome,
  type DeclareTypesParams,
  type ListTypesParams,
  TaskyardError,
  type TypeWithDefaults,
  typeDefaultsFromText,
  typeDefaultsText,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import type { TypeDefaultsDocument } from '../documents.ts'
import { upsert } from '../lanes.ts'
import { isDuplicateKey } from '../mongodb-errors.ts'

/** Processes that declare at the same time keep each other from it at most so often. */
const MOST_TRIES = 50

type Types = Pick<Database, 'types'>

/** The port's `declareTypes`: what a namespace has is one document, changed as it was read or not at all. */
export async function declareTypes(
  database: Types,
  { namespace, types, limit }: DeclareTypesParams,
): Promise<DeclareTypesOutcome> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await database.types.findOne({ _id: namespace })
    const byType = new Map(found?.types.map(({ type, defaults }) => [type, defaults]))
    for (const { type, defaults } of types) {
      if (defaults === null) byType.delete(type)
      else byType.set(type, typeDefaultsText(defaults))
    }
    if (byType.size > limit) return 'too-many'
    const next = [...byType].map(([type, defaults]) => ({ type, defaults }))
    if (await replaced(database, namespace, found?.revision ?? 0, next)) {
      await countDeclaration(database)
      return 'declared'
    }
  }
  throw new TaskyardError('store_unavailable', { reason: 'too many declare task types at the same time' })
}

/** The document that counts declarations; no namespace has this name. */
const COUNTER = { _id: '' } as const

async function countDeclaration({ types }: Types): Promise<void> {
  const change = { $inc: { revision: 1 }, $setOnInsert: { types: [] } }
  await upsert(() => types.updateOne(COUNTER, change, { upsert: true }))
}

/** What a beat tells of them. Whether there are any is looked at: one that nobody has counted is there all the same. */
export async function toldOfDefaults({ types }: Types): Promise<BeatReply> {
  const [counter, some] = await Promise.all([
    types.findOne(COUNTER),
    types
      .find({}, { projection: { _id: 1 } })
      .limit(2)
      .toArray(),
  ])
  return { anyDefaults: some.some(({ _id }) => _id !== COUNTER._id), declarations: counter?.revision ?? 0 }
}

/** Whether nobody has changed the document since it was read. */
async function replaced(
  { types }: Types,
  namespace: string,
  revision: number,
  next: TypeDefaultsDocument['types'],
): Promise<boolean> {
  const $set = { revision: revision + 1, types: next }
  if (revision > 0) return (await types.updateOne({ _id: namespace, revision }, { $set })).matchedCount === 1
  try {
    await types.insertOne({ _id: namespace, ...$set })
    return true
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    return false
  }
}

/** The port's `listTypes`. */
export async function listTypes(
  { types }: Types,
  { namespace }: ListTypesParams,
): Promise<readonly TypeWithDefaults[]> {
  const found = await types.findOne({ _id: namespace })
  const listed = found?.types.toSorted((one, other) => (one.type < other.type ? -1 : 1)) ?? []
  return listed.map(({ type, defaults }) => ({ type, defaults: typeDefaultsFromText(defaults) }))
}
