import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Collection, type Filter, MongoClient, type Sort } from 'mongodb'
import { sharedServer } from '../src/index.ts'

// What the patch of FerretDB must give: MongoDB's promise for one document, and the same answers as without the patch.

interface Kept {
  _id: string | number
  n?: number
  state?: string
  lane?: string
  by?: number
  of?: string
  kind?: string
  list?: readonly string[]
  at?: Date
  value?: unknown
}

let client: MongoClient
let kept: Collection<Kept>

before(async () => {
  client = await new MongoClient((await sharedServer('mongodb')).url).connect()
  kept = client.db(`ferretdb-${process.pid}`).collection('kept')
})
after(async () => {
  await kept.db.dropDatabase()
  await client.close()
})

test('concurrent updates of one document are all done', async () => {
  await kept.insertOne({ _id: 'counter', n: 0 })
  await Promise.all(Array.from({ length: 50 }, () => kept.updateOne({ _id: 'counter' }, { $inc: { n: 1 } })))
  assert.equal((await kept.findOne({ _id: 'counter' }))?.n, 50)
})

test('of many that want to change a document in one state, one does', async () => {
  await kept.insertOne({ _id: 'state', state: 'free' })
  const take = (by: number) => kept.findOneAndUpdate({ _id: 'state', state: 'free' }, { $set: { state: 'taken', by } })
  const taken = await Promise.all(Array.from({ length: 50 }, (_, n) => take(n)))
  assert.equal(taken.filter((before) => before !== null).length, 1)
})

test('concurrent updates of the same documents change each once', async () => {
  await kept.insertMany(Array.from({ length: 100 }, (_, n) => ({ _id: `lane-${n}`, lane: 'one', state: 'free' })))
  const updates = Array.from({ length: 20 }, (_, by) =>
    kept.updateMany({ lane: 'one', state: 'free' }, { $set: { state: 'taken', by } }),
  )
  const changed = (await Promise.all(updates)).reduce((sum, { modifiedCount }) => sum + modifiedCount, 0)
  assert.equal(changed, 100)
})

test('a write of more statements than there are connections goes through', async () => {
  const updates = Array.from({ length: 200 }, (_, n) => ({
    updateOne: { filter: { _id: `bulk-${n}` }, update: { $set: { n } }, upsert: true },
  }))
  assert.equal((await kept.bulkWrite(updates)).upsertedCount, 200)
})

test('filters, orders and limits answer as MongoDB does', async () => {
  const values = [5, 1, 3, null, undefined, 'b', 'a', 'B', 2.5, -7, true, 4]
  const of = 'order'
  await kept.insertMany(
    values.map((value, n) => ({ _id: `order-${n}`, of, n, ...(value === undefined ? {} : { value }) })),
  )
  await kept.insertOne({ _id: 'order-list', of, n: 12, list: ['x', 'y'] })

  const sorted = [3, 4, 12, 9, 1, 8, 2, 11, 0, 7, 6, 5, 10]
  assert.deepEqual(await numbers({ of }, { value: 1, n: 1 }, 20), sorted)
  assert.deepEqual(await numbers({ of }, { value: 1, n: 1 }, 5), sorted.slice(0, 5))
  assert.deepEqual(await numbers({ of }, { value: -1, n: -1 }, 4), sorted.slice(-4).reverse())
  assert.deepEqual(await numbers({ of }, { n: -1 }, 2), [12, 11])
  assert.equal((await numbers({ of }, {}, 3)).length, 3)

  assert.deepEqual(await numbers({ of, value: { $in: ['a', 'b', 'z'] } }, { n: 1 }, 9), [5, 6])
  assert.deepEqual(await numbers({ of, list: 'y' }, { n: 1 }, 9), [12])
  assert.deepEqual(await numbers({ of, list: { $in: ['y', 'z'] } }, { n: 1 }, 9), [12])
  assert.deepEqual(await numbers({ of, list: { $in: ['z'] } }, { n: 1 }, 9), [])
  assert.deepEqual(await numbers({ of, value: { $gte: 3, $lt: 5 } }, { n: 1 }, 9), [2, 11])
  assert.deepEqual(await numbers({ of, n: { $gt: 10 } }, { n: -1 }, 1), [12])
  assert.deepEqual(await numbers({ of, value: { $gt: 2.4, $lte: 4.5 } }, { n: 1 }, 9), [2, 8, 11])
  assert.deepEqual(await numbers({ of, value: { $lt: -6.5 } }, { n: 1 }, 9), [9])
  assert.deepEqual(await numbers({ _id: { $in: ['order-1', 'order-2', 'absent'] } }, { n: 1 }, 9), [1, 2])
  assert.deepEqual(await numbers({ _id: 'order-1', value: 2 }, { n: 1 }, 9), [])
})

test('a document is found by an id of any kind', async () => {
  await kept.insertMany([
    { _id: 7, kind: 'number' },
    { _id: "it's", kind: 'text' },
  ])
  assert.equal((await kept.findOne({ _id: 7 }))?.kind, 'number')
  assert.equal((await kept.findOne({ _id: "it's" }))?.kind, 'text')
  assert.equal((await kept.findOne({ _id: { $in: ["it's", 8] } }))?.kind, 'text')
})

test('times compare as times', async () => {
  const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms)
  await kept.insertMany([0, 1, 2].map((n) => ({ _id: `time-${n}`, of: 'time', n, at: at(n) })))
  assert.deepEqual(await numbers({ of: 'time', at: { $lte: at(1) } }, { at: -1 }, 9), [1, 0])
})

test('numbers over 32 bits compare as numbers', async () => {
  const large = [1_800_000_000_000, 1_800_000_000_001, 1_800_000_000_002, 2 ** 60, -(2 ** 60)]
  await kept.insertMany(large.map((value, n) => ({ _id: `large-${n}`, of: 'large', n, value })))
  assert.deepEqual(await numbers({ of: 'large', value: { $lte: 1_800_000_000_001 } }, { n: 1 }, 9), [0, 1, 4])
  assert.deepEqual(await numbers({ of: 'large', value: { $gt: 1_800_000_000_001 } }, { n: 1 }, 9), [2, 3])
  assert.deepEqual(await numbers({ of: 'large', value: { $gte: 2 ** 60 } }, { n: 1 }, 9), [3])
  assert.equal((await numbers({ of: 'large', value: { $lt: Number.POSITIVE_INFINITY } }, { n: 1 }, 9)).length, 5)
})

async function numbers(filter: Filter<Kept>, sort: Sort, limit: number): Promise<readonly unknown[]> {
  const found = await kept.find(filter).sort(sort).limit(limit).toArray()
  return found.map(({ n }) => n)
}
