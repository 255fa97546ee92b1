import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { EnqueueOutcome, NewTask, OpenedStore } from '@taskyard/core'
import pg from 'pg'
import { EVERYTHING, kinds, newId, newTask, submissions, UNSUPPORTED } from './calls.ts'
import { type OwnSchema, ownSchema } from './own-schema.ts'

describe('submitting in a transaction', () => {
  let schema: OwnSchema
  let store: OpenedStore
  /** What another server process on the same store sees. */
  let other: OpenedStore
  before(async () => {
    schema = await ownSchema()
    store = await schema.open()
    other = await schema.open()
    await schema.query(`CREATE TABLE "${schema.schema}".orders (item text NOT NULL)`)
  })
  after(() => schema.destroy())

  it('refuses what is no transaction of a library it knows', async () => {
    for (const tx of [null, {}, [], 'tx', 7, () => {}, { query: 'x' }, { session: {} }, { session: { client: {} } }]) {
      await assert.rejects(store.tasks.enqueue({ ...submissions(newTask()), tx }), UNSUPPORTED)
    }
  })

  it('fails within a savepoint of the caller: the rest of the transaction goes on', async (t) => {
    const client = await connected(t)
    await client.query('BEGIN')
    await client.query(`INSERT INTO ${schema.schema}.orders VALUES ('with savepoint')`)
    await client.query('SAVEPOINT before')
    const wrong = newTask({ id: 'no-uuid' })
    await assert.rejects(store.tasks.enqueue({ ...submissions(wrong), tx: client }))
    await client.query('ROLLBACK TO before')
    const task = newTask()
    assert.deepEqual(kinds(await store.tasks.enqueue({ ...submissions(task), tx: client })), ['accepted'])
    await client.query('COMMIT')
    assert.equal((await store.reads.find({ namespace: 'default', taskIds: [task.id] }))[0]?.id, task.id)
    const { rows } = await schema.query(`SELECT item FROM "${schema.schema}".orders`)
    assert.deepEqual(rows, [{ item: 'with savepoint' }])
  })

  it('keeps the tags of a queue that is new, also where the transaction sees no changes of others', async (t) => {
    const client = await connected(t)
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
    await client.query(`SELECT FROM "${schema.schema}".lanes`)
    const task = newTask({ queue: newId(), tags: ['rare'] })
    assert.deepEqual(kinds(await store.tasks.enqueue({ ...submissions(task), tx: client })), ['accepted'])
    await client.query('COMMIT')
    const { items } = await store.reads.list({ ...EVERYTHING, tag: 'rare' })
    assert.deepEqual(
      items.map(({ id }) => id),
      [task.id],
    )
  })

  it('holds up other submissions of the same key only, until it ends', async (t) => {
    const client = await connected(t)
    const key = newId()
    const keyed = (name: string) => newTask({ idempotency: { key: name, fingerprint: 'x' } })
    const first = keyed(key)
    await client.query('BEGIN')
    await store.tasks.enqueue({ ...submissions(first), tx: client })
    const others = submissions(keyed(newId()), keyed(key), newTask(), keyed('undefined'))
    const batch = { ...others, submissions: [...others.submissions, { tasks: [newTask(), keyed(key)] }] }
    for (const process of [store, other]) {
      const outcomes = await process.tasks.enqueue(batch)
      const held = { kind: 'idempotency-key-held', key }
      assert.deepEqual([outcomes[1], outcomes[4]], [held, held])
      assert.deepEqual(kinds([0, 2, 3].map((i) => outcomes[i] as EnqueueOutcome)), Array(3).fill('accepted'))
    }
    await client.query('COMMIT')
    const [replay] = await other.tasks.enqueue(submissions(keyed(key)))
    assert.equal(replay?.kind === 'accepted' && replay.tasks[0]?.id, first.id)
  })

  it('holds up nobody in another schema of the database', async (t) => {
    const elsewhere = await ownSchema()
    t.after(() => elsewhere.destroy())
    const [client, there] = [await connected(t), await elsewhere.open()]
    const keyed = () => newTask({ idempotency: { key: 'the same', fingerprint: 'x' } })
    await client.query('BEGIN')
    await store.tasks.enqueue({ ...submissions(keyed()), tx: client })
    assert.deepEqual(kinds(await there.tasks.enqueue(submissions(keyed()))), ['accepted'])
    await client.query('ROLLBACK')
  })

  it('waits for another transaction with the same key', async (t) => {
    const [client, later] = [await connected(t), await connected(t)]
    const key = newId()
    const keyed = () => newTask({ idempotency: { key, fingerprint: 'x' } })
    const first = keyed()
    await client.query('BEGIN')
    await store.tasks.enqueue({ ...submissions(first), tx: client })
    await later.query('BEGIN')
    const second = store.tasks.enqueue({ ...submissions(keyed()), tx: later })
    await waitingForLock()
    await client.query('COMMIT')
    const [replay] = await second
    await later.query('COMMIT')
    assert.equal(replay?.kind === 'accepted' && replay.tasks[0]?.id, first.id)
  })

  it('does not hold up submissions to a queue near its depth', async (t) => {
    const client = await connected(t)
    const near = (...tasks: NewTask[]) => ({ ...submissions(...tasks), queueDepth: 2 })
    const inQueue = () => newTask({ queue: 'near' })
    await client.query('BEGIN')
    assert.deepEqual(kinds(await store.tasks.enqueue({ ...near(inQueue()), tx: client })), ['accepted'])
    for (const process of [store, other])
      assert.deepEqual(kinds(await process.tasks.enqueue(near(inQueue()))), ['accepted'])
    assert.deepEqual(kinds(await store.tasks.enqueue({ ...near(inQueue()), tx: client })), ['queue-full'])
    await client.query('COMMIT')
  })

  it('works at every isolation level', async (t) => {
    const client = await connected(t)
    for (const level of ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']) {
      const task = newTask({ idempotency: { key: newId(), fingerprint: 'x' } })
      await client.query(`BEGIN ISOLATION LEVEL ${level}`)
      await store.tasks.enqueue({ ...submissions(task), tx: client })
      await client.query('COMMIT')
      assert.equal((await store.reads.find({ namespace: 'default', taskIds: [task.id] }))[0]?.status, 'queued')
    }
  })

  it('works as another role with the rights that the guide names', async (t) => {
    const role = `${schema.schema}_app`
    await schema.query(`CREATE ROLE ${role}`)
    try {
      const client = await connected(t)
      const attempt = async () => {
        const tasks = [
          newTask({ tags: ['granted'] }),
          newTask({ idempotency: { key: newId(), fingerprint: 'x' } }),
          newTask({ delayMs: 1000 }),
        ]
        await client.query(`BEGIN; SET LOCAL ROLE ${role}`)
        try {
          return kinds(await store.tasks.enqueue({ ...submissions(...tasks), tx: client }))
        } finally {
          await client.query('ROLLBACK')
        }
      }
      await assert.rejects(attempt(), /permission denied/)
      await schema.query(`GRANT USAGE ON SCHEMA ${schema.schema} TO ${role};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema.schema} TO ${role};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema.schema} TO ${role}`)
      assert.deepEqual(await attempt(), ['accepted', 'accepted', 'accepted'])
    } finally {
      await schema.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  async function connected(t: { after(fn: () => unknown): void }): Promise<pg.Client> {
    const client = new pg.Client(schema.server)
    await client.connect()
    t.after(() => client.end())
    return client
  }

  async function waitingForLock(): Promise<void> {
    const text = `SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%${schema.schema}%'`
    while ((await schema.query(text)).rowCount === 0);
  }
})
