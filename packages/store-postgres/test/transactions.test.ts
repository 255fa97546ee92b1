import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { NewTask, OpenedStore } from '@taskyard/core'
import { kinds, newId, newTask, submissions, UNSUPPORTED } from './calls.ts'
import { type OwnSchema, ownSchema } from './own-schema.ts'
import { LIBRARIES, type Library } from './transaction-libraries.ts'

let schema: OwnSchema
let store: OpenedStore
/** What another server process on the same store sees and hears. */
let other: OpenedStore
let news: ReturnType<typeof listen>
let types = 0

before(async () => {
  schema = await ownSchema()
  store = await schema.open()
  other = await schema.open()
  news = listen(other)
  await schema.query(`CREATE TABLE "${schema.schema}".orders (item text NOT NULL)`)
  const before = newTask({ type: 'before' })
  await store.tasks.enqueue(submissions(before))
  // From here on the other process hears of everything.
  await news.of('before')
})

after(() => schema.destroy())

for (const [name, open] of Object.entries(LIBRARIES)) {
  describe(`a transaction of ${name}`, () => {
    let library: Library
    before(() => {
      library = open(schema.server, `${schema.schema}.orders`)
    })
    after(() => library.close())

    it('makes tasks exist, and wakes other processes, when it commits', async () => {
      const task = freshTask()
      await library.transaction(async ({ tx, order }) => {
        await order(`${task.type} 1`)
        const [outcome] = await store.tasks.enqueue({ ...submissions(task), tx })
        assert.equal(outcome?.kind === 'accepted' && outcome.tasks[0]?.status, 'queued')
        await order(`${task.type} 2`)
        assert.deepEqual(await other.reads.find({ namespace: 'default', taskIds: [task.id] }), [null])
        assert.equal(news.types.has(task.type), false)
      })
      await news.of(task.type)
      const [found] = await other.reads.find({ namespace: 'default', taskIds: [task.id] })
      assert.deepEqual({ id: found?.id, status: found?.status }, { id: task.id, status: 'queued' })
      assert.deepEqual(
        (await orders()).filter((item) => item.startsWith(`${task.type} `)),
        [`${task.type} 1`, `${task.type} 2`],
      )
    })

    it('leaves nothing behind when it is rolled back', async () => {
      const key = newId()
      const tasks = [
        freshTask({ idempotency: { key, fingerprint: 'first' }, tags: ['undone'] }),
        freshTask({ delayMs: 60_000 }),
      ]
      const counts = await store.reads.counts({ namespace: 'default', queue: null })
      const undo = new Error('undo')
      const work = library.transaction(async ({ tx, order }) => {
        await order('undone')
        const outcomes = await store.tasks.enqueue({ ...submissions(...tasks), tx })
        assert.deepEqual(kinds(outcomes), ['accepted', 'accepted'])
        throw undo
      })
      await assert.rejects(work, undo)
      assert.deepEqual(await store.reads.find({ namespace: 'default', taskIds: tasks.map(({ id }) => id) }), [
        null,
        null,
      ])
      assert.deepEqual(await store.reads.counts({ namespace: 'default', queue: null }), counts)
      assert.deepEqual(await listed({ tag: 'undone' }), [])
      assert.equal((await orders()).includes('undone'), false)
      const again = await store.tasks.enqueue(submissions(freshTask({ idempotency: { key, fingerprint: 'second' } })))
      assert.deepEqual(kinds(again), ['accepted'])
    })

    it('takes batches, delays, tags, keys and every JSON text', async () => {
      const key = `"key", {${newId()}} ? ?? :a ~`
      const first = freshTask({ idempotency: { key, fingerprint: 'same' } })
      const tags = ['a?b', '"quoted"', `back\\slash ${newId()}`]
      const rich = freshTask({
        payload: '{"a":"ü\\u0000\\"? $1 :b","n":12345678901234567890}' as NewTask['payload'],
        tags,
        priority: -7,
        delayMs: 3_600_000,
        timeoutSeconds: null,
        backoff: { kind: 'fixed', baseSeconds: 5, factor: 1, maxSeconds: 5 },
      })
      await library.transaction(async ({ tx, order }) => {
        const batch = { submissions: [{ tasks: [first, rich] }], queueDepth: 1_000_000, tx }
        assert.deepEqual(kinds(await store.tasks.enqueue(batch)), ['accepted'])
        const repeated = freshTask({ type: first.type, idempotency: { key, fingerprint: 'same' } })
        const [replay] = await store.tasks.enqueue({ ...submissions(repeated), tx })
        assert.deepEqual(replay?.kind === 'accepted' && replay.tasks.map(({ id, replayed }) => [id, replayed]), [
          [first.id, true],
        ])
        const conflicting = freshTask({ idempotency: { key, fingerprint: 'other' } })
        assert.deepEqual(kinds(await store.tasks.enqueue({ ...submissions(conflicting), tx })), [
          'idempotency-conflict',
        ])
        await order('after a refusal')
      })
      const [one, two] = await store.reads.find({ namespace: 'default', taskIds: [first.id, rich.id] })
      assert.equal(one?.idempotencyKey, key)
      assert.equal(two?.payload, rich.payload)
      assert.deepEqual([two?.status, two?.priority, two?.timeoutSeconds], ['scheduled', -7, null])
      assert.deepEqual(two?.backoff, rich.backoff)
      assert.deepEqual(await listed({ tag: tags[2] as string }), [rich.id])
    })

    it('is refused where it is none, before anything is written', async () => {
      const task = freshTask({ idempotency: { key: newId(), fingerprint: 'x' } })
      await assert.rejects(store.tasks.enqueue({ ...submissions(task), tx: library.outside }), UNSUPPORTED)
      assert.deepEqual(await store.reads.find({ namespace: 'default', taskIds: [task.id] }), [null])
    })

    it('is refused once it has failed', async () => {
      const work = library.transaction(async ({ tx, fail }) => {
        await assert.rejects(fail())
        await assert.rejects(store.tasks.enqueue({ ...submissions(freshTask()), tx }), {
          code: 'transaction_unsupported',
          message: /has failed before/,
        })
        throw new Error('undo')
      })
      await assert.rejects(work)
    })

    it('says what the server refused, without the statement', async () => {
      await schema.query(`ALTER TABLE "${schema.schema}".ready RENAME TO ready_elsewhere`)
      try {
        const work = library.transaction(({ tx }) => store.tasks.enqueue({ ...submissions(freshTask()), tx }))
        await assert.rejects(work, { code: 'store_unavailable', message: /ready.* does not exist.*taskyard migrate/ })
        await assert.rejects(work, ({ message }: Error) => !/SELECT|INSERT/.test(message))
      } finally {
        await schema.query(`ALTER TABLE "${schema.schema}".ready_elsewhere RENAME TO ready`)
      }
    })
  })
}

function freshTask(overrides: Partial<NewTask> = {}): NewTask {
  return newTask({ type: `type-${++types}`, ...overrides })
}

/** The rows of the caller's own table. */
async function orders(): Promise<string[]> {
  const { rows } = await schema.query(`SELECT item FROM "${schema.schema}".orders`)
  return rows.map(({ item }) => item)
}

async function listed(filter: { tag: string }): Promise<string[]> {
  const nothing = {
    statuses: null,
    errorCode: null,
    type: null,
    queue: null,
    createdAfter: null,
    createdBefore: null,
    cursor: null,
  }
  const { items } = await store.reads.list({ namespace: 'default', ...nothing, ...filter, limit: 200 })
  return items.map(({ id }) => id)
}

/** The types that a store has told of as ready. */
function listen(to: OpenedStore) {
  const types = new Set<string>()
  let next = Promise.withResolvers<void>()
  to.wakeUps.subscribe((lanes) => {
    for (const { type } of lanes) types.add(type)
    next.resolve()
    next = Promise.withResolvers<void>()
  })
  return {
    types,
    async of(type: string) {
      while (!types.has(type)) await next.promise
    },
  }
}
