import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ClaimParams, JsonText, LeasedTask, LeaseHolder, OpenedStore } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { createLanes } from '../src/lanes.ts'
import { openLeaseExtender } from '../src/lease-extender.ts'
import { readPostgresUrl } from '../src/location.ts'
import { find } from '../src/operations/find.ts'
import { createServerTime } from '../src/server-time.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

const MINE = { namespace: 'default' }
const THEIRS = { namespace: 'other' }
const WATCHED = { workerId: 'worker', nodeId: null, session: true } as const

for (const limit of [10, 500]) {
  test(`a lease of another namespace among those settled keeps nothing from the others, nor from a claim of ${limit}`, async (t) => {
    const { store, mine, theirs } = await twoLeases(t)
    const [next] = [newTask(), newTask(THEIRS)].map((task) => ({
      task,
      stored: store.tasks.enqueue(submissions(task)),
    }))
    await next?.stored
    const settlements = [theirs, mine].map((lease) => ({ ...lease, outcome: 'succeeded', result: null }) as const)
    const params = { ...MINE, settlements, claim: { ...CLAIM, limit } }
    const { results, tasks } = await store.tasks.settle(params)
    assert.deepEqual(
      results.map(({ status }) => status),
      ['lost', 'ok'],
    )
    assert.deepEqual(
      tasks.map(({ id }) => id),
      [next?.task.id],
    )
    assert.deepEqual(await store.tasks.extend({ ...THEIRS, leases: [theirs], leaseMs: 60_000 }), ['ok'])
    const again = await store.tasks.settle({ ...params, claim: null })
    assert.deepEqual(
      again.results.map((result) => [result.status, 'repeated' in result && result.repeated]),
      [
        ['lost', false],
        ['ok', true],
      ],
    )
  })
}

test('a heartbeat that names a lease of another namespace extends the others, and waits for nobody there', async (t) => {
  const { schema, store, mine, theirs } = await twoLeases(t)
  const ends = async () =>
    (await store.presence.holders({ namespace: null })).map(({ namespace, lastEnd }) => [namespace, lastEnd])
  const before = new Map((await ends()) as [string, number][])
  const extender = openLeaseExtender({ url: schema.url, now: null })
  t.after(() => extender.close())
  await schema.query('BEGIN')
  await schema.query(`SELECT FROM "${schema.schema}".leases WHERE id = $1 FOR UPDATE`, [theirs.taskId])
  const params = { ...MINE, leases: [theirs, mine], leaseMs: 600_000 }
  assert.deepEqual(await store.tasks.extend(params), ['lost', 'ok'])
  await schema.query('COMMIT')
  assert.deepEqual(await extender.extend({ ...params, ...THEIRS }), ['ok', 'lost'])
  assert.deepEqual(await extender.extend(params), ['lost', 'ok'])
  for (const [namespace, end] of (await ends()) as [string, number][]) assert.ok(end > (before.get(namespace) ?? end))
})

test('calls that name what is of another namespace lock and write nothing of it', async (t) => {
  const { schema, store, mine: ended } = await twoLeases(t)
  const { tasks, presence } = store
  const failed = {
    outcome: 'failed',
    error: { code: 'broken', message: 'It broke' },
    retryable: false,
    retryDelayMs: null,
    jitter: 0,
  } as const
  const succeeded = { outcome: 'succeeded', result: null } as const
  // Whoever locks or writes a row leaves a mark in it, also one that is undone then; what was inserted leaves its page.
  const marks = async () => {
    const rows = ['leases', 'ready', 'finished', 'lone_leases'].map(
      (table) => `SELECT '${table}', ctid::text, xmin::text, xmax::text FROM "${schema.schema}".${table}`,
    )
    const sizes = `SELECT relid::text, pg_relation_size(relid)::text, '', '' FROM pg_partition_tree('"${schema.schema}".finished')`
    return (await schema.query(`${[...rows, sizes].join(' UNION ALL ')} ORDER BY 1, 2`)).rows
  }
  const untouched = await marks()
  await tasks.settle({ ...THEIRS, settlements: [{ ...ended, ...succeeded }], claim: null })
  assert.deepEqual(await marks(), untouched)
  await tasks.settle({ ...MINE, settlements: [{ ...ended, ...failed }], claim: null })
  await tasks.enqueue(submissions(newTask()))
  const lease = await claimOne(store, MINE)
  const waiting = newTask()
  await tasks.enqueue(submissions(waiting))
  await schema.query(`INSERT INTO "${schema.schema}".lone_leases (id, token) VALUES ($1, 1)`, [lease.taskId])
  const before = await marks()
  for (const how of [succeeded, failed]) {
    await tasks.settle({ ...THEIRS, settlements: [{ ...lease, ...how }], claim: null })
  }
  await tasks.extend({ ...THEIRS, leases: [lease], leaseMs: 600_000 })
  await tasks.record({ ...THEIRS, entries: [{ ...lease, progress: null, log: 'line' }] })
  await presence.takeBackCrashes({ ...THEIRS, leases: [lease] })
  const named = { ...THEIRS, taskIds: [ended.taskId, lease.taskId, waiting.id] }
  await tasks.cancel(named)
  await tasks.retry(named)
  assert.deepEqual(await marks(), before)
})

test('heartbeats and settlements of several lanes look at each', async (t) => {
  const { store, theirs } = await twoLeases(t)
  const types = ['a', 'b', 'a', 'b']
  await store.tasks.enqueue(submissions(...types.map((type) => newTask({ type }))))
  const claimed = await store.tasks.claim({ ...CLAIM, worker: WATCHED, limit: types.length })
  const leases = claimed.map(({ id, lease }) => ({ taskId: id, token: lease.token }))
  const named = [theirs, ...leases.slice(0, 2), theirs, ...leases.slice(2)]
  const expected = ['lost', 'ok', 'ok', 'lost', 'ok', 'ok']
  assert.deepEqual(await store.tasks.extend({ ...MINE, leases: named, leaseMs: 60_000 }), expected)
  const settlements = named.map((lease) => ({ ...lease, outcome: 'succeeded', result: null }) as const)
  const { results } = await store.tasks.settle({ ...MINE, settlements, claim: null })
  assert.deepEqual(
    results.map(({ status }) => status),
    expected,
  )
})

test('of a large task of another namespace no text is read', async (t) => {
  const { schema, store } = await twoLeases(t)
  const [small, large] = [
    newTask(THEIRS),
    newTask({ ...THEIRS, payload: JSON.stringify('x'.repeat(100_000)) as JsonText }),
  ]
  await store.tasks.enqueue(submissions(small, large))
  const database = openDatabase(readPostgresUrl(schema.url), 1)
  t.after(() => database.close())
  const read: string[] = []
  const run: typeof database.run = async (text, values) => {
    const rows = await database.run(text, values)
    read.push(...rows.flat().filter((value) => value !== null))
    return rows as never
  }
  const context = { database: { run }, lanes: createLanes(database), time: createServerTime(undefined) }
  const named = { taskIds: [small.id, large.id] }
  assert.deepEqual(await find(context, { ...MINE, ...named }), [null, null])
  assert.ok(read.join('').length < 1000)
  const found = await find(context, { ...THEIRS, ...named })
  assert.deepEqual(
    found.map((task) => task?.payload),
    [small.payload, large.payload],
  )
})

test('a beat that a server of the version before has written names workers of the default namespace', async (t) => {
  const { schema, store } = await twoLeases(t)
  await schema.query(
    `INSERT INTO "${schema.schema}".nodes (node_id, worker_ids, until) VALUES ('old', '{worker}', $1)`,
    [Date.now() + 600_000],
  )
  const alive = (holders: readonly LeaseHolder[]) => holders.filter((holder) => holder.alive).map(namespaceOf)
  assert.deepEqual(alive(await store.presence.holders({ namespace: null })), ['default'])
  const workers = [MINE, THEIRS].map((of) => ({ ...of, workerId: 'worker' }))
  assert.deepEqual((await store.presence.endLeases({ workers })).map(namespaceOf), ['other'])
})

function namespaceOf({ namespace }: { readonly namespace: string }): string {
  return namespace
}

/** Of workers of the same name, one in each namespace. */
async function twoLeases(t: TestContext) {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  await store.tasks.enqueue(submissions(newTask(), newTask(THEIRS)))
  return { schema, store, mine: await claimOne(store, MINE), theirs: await claimOne(store, THEIRS) }
}

async function claimOne(store: OpenedStore, of: Pick<ClaimParams, 'namespace'>) {
  const [{ id, lease }] = (await store.tasks.claim({ ...CLAIM, ...of, limit: 1, worker: WATCHED })) as [LeasedTask]
  return { taskId: id, token: lease.token }
}
