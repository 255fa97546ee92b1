import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import pg from 'pg'
import type { Run } from '../src/database.ts'
import { MIGRATIONS } from '../src/migration-files.ts'
import { createReadyLanes } from '../src/operations/ready-lanes.ts'
import { CLAIM, kinds, newTask, submissions } from './calls.ts'
import { type OwnSchema, ownSchema, withParameter } from './own-schema.ts'

const EVERY = { ...CLAIM, queues: null }
/** More than a claim looks at before it renews what led it astray. */
const QUEUES = 100

test('a claim of every queue looks at the lanes that come first, not all', async (t) => {
  const { schema, store } = await fresh(t)
  const tasks = queues(500).map((queue) => newTask({ queue }))
  await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
  const client = await connected(t, schema)
  await client.query('BEGIN')
  const { rows } = await client.query(
    `SELECT id FROM claim_tasks_4(NULL, 0, 'default', NULL, '{test}', 2, 1000, 1000, 'w', NULL, false, NULL, false, 2, 0, '{}', '{}', '{}', '{}')`,
  )
  const looks = await client.query(`SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relid = 'ready'::regclass`)
  await client.query('ROLLBACK')
  assert.deepEqual(
    rows.map(({ id }) => id),
    tasks.slice(0, 2).map(({ id }) => id),
  )
  assert.ok(Number(looks.rows[0]?.idx_scan) < 100, `${looks.rows[0]?.idx_scan} looks`)
})

test('a task is found that became ready in a transaction during which its lane was found empty', async (t) => {
  const { schema, store } = await fresh(t)
  await emptyQueues(store, QUEUES)
  const client = await connected(t, schema)
  const task = newTask({ queue: 'queue-0' })
  await client.query('BEGIN')
  await store.tasks.enqueue({ ...submissions(task), tx: client })
  assert.deepEqual(await store.tasks.claim(EVERY), [])
  assert.ok((await notes(schema)) < QUEUES)
  await client.query('COMMIT')
  assert.deepEqual(await claimedBy(store), [task.id])
})

test('a transaction that sees no changes of others may submit to a lane that was found empty since it began', async (t) => {
  const { schema, store } = await fresh(t)
  await emptyQueues(store, QUEUES)
  const client = await connected(t, schema)
  const task = newTask({ queue: 'queue-0' })
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await client.query('SELECT FROM lanes')
  assert.deepEqual(await store.tasks.claim(EVERY), [])
  assert.deepEqual(kinds(await store.tasks.enqueue({ ...submissions(task), tx: client })), ['accepted'])
  await client.query('COMMIT')
  assert.deepEqual(await claimedBy(store), [task.id])
})

test('a transaction that sees no changes of others may submit to a queue that is new', async (t) => {
  const { schema, store } = await fresh(t)
  const client = await connected(t, schema)
  const task = newTask({ queue: 'new' })
  await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
  await client.query('SELECT FROM lanes')
  assert.deepEqual(kinds(await store.tasks.enqueue({ ...submissions(task), tx: client })), ['accepted'])
  await client.query('COMMIT')
  assert.deepEqual(await claimedBy(store), [task.id])
})

test('claims of every queue find what servers of the version before make ready, before the schema has notes and after', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const client = await connected(t, schema)
  const submit = async (queue: string) => {
    const { id } = newTask()
    const lanes = `INSERT INTO lanes (namespace, queue, type) VALUES ('default', $1, 'test') RETURNING lane`
    const { lane } = (await client.query(lanes, [queue])).rows[0]
    const columns = `'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'`
    await client.query(`SELECT submit_tasks_2(NULL, 0, $1, $2, '{}', ${columns})`, [[id], [lane]])
    return id
  }
  await migrateUntil(client, schema, 'CREATE TABLE ready_lanes')
  const ids = [await submit('first')]
  const store = await schema.open()
  ids.push(await submit('second'))
  assert.deepEqual(await claimedBy(store), ids)
})

test('notes of lanes that were emptied by name are removed in turns, unless they are few', async (t) => {
  const { schema, store } = await fresh(t)
  await emptyQueues(store, QUEUES)
  const last = newTask({ queue: 'queue-99' })
  await store.tasks.enqueue(submissions(last))
  let now = 0
  const client = await connected(t, schema)
  const run = async (text: string, values: readonly unknown[] = []) => {
    const answer = await client.query({ text: text.replaceAll('@', ''), values: [...values], rowMode: 'array' })
    return answer.rows as never[]
  }
  const transaction = <Result>(work: (run: Run) => Promise<Result>) => work(run)
  const few = createReadyLanes({ transaction }, () => now)
  assert.equal(await few.renew(), true)
  assert.equal(await few.renew(), false)
  assert.equal(await notes(schema), QUEUES)
  const many = createReadyLanes({ transaction }, () => now, 30)
  for (let n = 0; n < 4; n++, now += 60_000) assert.equal(await many.renew(), true)
  assert.equal(await notes(schema), 1)
  assert.deepEqual(await claimedBy(store), [last.id])
})

test('claims of every queue remove notes that lead them astray, whatever isolation the database has by default', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const url = withParameter(schema.url, 'options', '-c default_transaction_isolation=serializable')
  const store = await schema.open({ url })
  await emptyQueues(store, QUEUES)
  assert.deepEqual(await store.tasks.claim(EVERY), [])
  assert.ok((await notes(schema)) < QUEUES)
})

test('claims of every queue look at all lanes after some that notes kept waiting until they failed', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open({ url: withParameter(schema.url, 'lock_timeout', '200') })
  const task = newTask()
  await store.tasks.enqueue(submissions(task))
  const client = await connected(t, schema)
  await client.query('BEGIN; LOCK TABLE ready_lanes')
  try {
    for (let n = 0; n < 3; n++) await assert.rejects(store.tasks.claim(EVERY))
    assert.deepEqual(await claimedBy(store), [task.id])
  } finally {
    await client.query('ROLLBACK')
  }
})

async function fresh(t: TestContext): Promise<{ schema: OwnSchema; store: OpenedStore }> {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  return { schema, store: await schema.open() }
}

async function connected(t: TestContext, schema: OwnSchema): Promise<pg.Client> {
  const client = new pg.Client(schema.server)
  await client.connect()
  t.after(() => client.end())
  await client.query(`SET search_path TO "${schema.schema}"`)
  return client
}

function queues(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `queue-${n}`)
}

/** Leaves lanes without ready tasks, and notes of all of them. */
async function emptyQueues(store: OpenedStore, count: number): Promise<void> {
  const names = queues(count)
  await store.tasks.enqueue(submissions(...names.map((queue) => newTask({ queue }))))
  assert.equal((await store.tasks.claim({ ...CLAIM, queues: names, limit: 1000 })).length, count)
}

async function claimedBy(store: OpenedStore): Promise<string[]> {
  return (await store.tasks.claim(EVERY)).map(({ id }) => id)
}

async function notes(schema: OwnSchema): Promise<number> {
  const { rows } = await schema.query(`SELECT count(*)::integer AS n FROM "${schema.schema}".ready_lanes`)
  return rows[0].n
}

/** Makes the schema as it was before the migration that has this text. */
async function migrateUntil(client: pg.Client, { schema }: OwnSchema, text: string): Promise<void> {
  const before = MIGRATIONS.findIndex((migration) => migration.includes(text))
  await client.query(`CREATE SCHEMA "${schema}"; CREATE TABLE schema_version (version integer NOT NULL)`)
  for (const migration of MIGRATIONS.slice(0, before)) await client.query(migration)
  await client.query('INSERT INTO schema_version VALUES ($1)', [before])
}
