import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ClaimParams, LeasedTask, LeaseHolder, OpenedStore } from '@taskyard/core'
import { openLeaseExtender } from '../src/lease-extender.ts'
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
  const ends = async () => (await store.presence.holders()).map(({ namespace, lastEnd }) => [namespace, lastEnd])
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

test('a beat that a server of the version before has written names workers of the default namespace', async (t) => {
  const { schema, store } = await twoLeases(t)
  await schema.query(
    `INSERT INTO "${schema.schema}".nodes (node_id, worker_ids, until) VALUES ('old', '{worker}', $1)`,
    [Date.now() + 600_000],
  )
  const alive = (holders: readonly LeaseHolder[]) => holders.filter((holder) => holder.alive).map(namespaceOf)
  assert.deepEqual(alive(await store.presence.holders()), ['default'])
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
