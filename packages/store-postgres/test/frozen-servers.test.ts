// A process that stands still in the middle of a transaction keeps its locks, until the database ends its session.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { LeasedTask } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { type OwnSchema, ownSchema } from './own-schema.ts'

test('a heartbeat that names a lease which a frozen server has locked is answered, and its other leases at once', async (t) => {
  const { schema, store, locked, free } = await twoLeases(t)
  const frozen = await freezeWith(t, schema, locked)
  const before = await endOf(schema, free)
  const beat = store.extend({ leases: [refOf(locked), refOf(free)], leaseMs: 60_000 })
  while ((await endOf(schema, free)) === before) await delay(5)
  const { rows } = await schema.query(`SELECT state FROM pg_stat_activity WHERE pid = $1`, [frozen.pid])
  assert.deepEqual(rows, [{ state: 'idle in transaction' }])
  assert.deepEqual(await beat, ['ok', 'ok'])

  frozen.thaw()
  await assert.rejects(frozen.transaction, { code: 'store_unavailable' })
  assert.deepEqual(await frozen.database.run('SELECT 1'), [['1']])
})

test('what a frozen server had settled and not committed is settled by who asks again', async (t) => {
  const { schema, store, locked } = await twoLeases(t)
  const frozen = await freezeWith(t, schema, locked)
  const settlement = { ...refOf(locked), outcome: 'released' } as const
  const { results } = await store.settle({ settlements: [settlement], claim: null })
  assert.equal(results[0]?.status, 'ok')
  frozen.thaw()
  await assert.rejects(frozen.transaction, { code: 'store_unavailable' })
})

test('a chore of a frozen server keeps its locks no longer', async (t) => {
  const { schema, store, locked } = await twoLeases(t)
  const maintenance = openMaintenance(readPostgresUrl(schema.url))
  t.after(() => maintenance.close())
  const [locking, thawed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const chore = maintenance.transaction(async (run) => {
    await run('LOCK TABLE @leases')
    locking.resolve()
    await thawed.promise
    await run('SELECT 1')
  })
  chore.catch(() => {})
  await locking.promise
  assert.deepEqual(await store.extend({ leases: [refOf(locked)], leaseMs: 60_000 }), ['ok'])
  thawed.resolve()
  await assert.rejects(chore, { code: 'store_unavailable' })
})

test('the server itself ends statements that were given up, unless the user has it end them sooner', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const url = new URL(schema.url)
  url.searchParams.set('statement_timeout', '3000')
  for (const [of, expected] of [
    [schema.url, ['5s', '12s']],
    [url.href, ['5s', '3s']],
  ] as const) {
    const database = openDatabase(readPostgresUrl(of), 1)
    t.after(() => database.close())
    assert.deepEqual(
      (await database.run('SHOW idle_in_transaction_session_timeout')).concat(
        await database.run('SHOW statement_timeout'),
      ),
      expected.map((setting) => [setting]),
    )
  }
})

async function twoLeases(t: TestContext) {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const { store } = await schema.open()
  await store.enqueue(submissions(newTask(), newTask()))
  const [locked, free] = (await store.claim(CLAIM)) as [LeasedTask, LeasedTask]
  return { schema, store, locked, free }
}

/** Another server, which stands still after the first statement of a transaction. */
async function freezeWith(t: TestContext, schema: OwnSchema, lease: LeasedTask) {
  const database = openDatabase(readPostgresUrl(schema.url), 1)
  t.after(() => database.close())
  const [locking, thawed] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()]
  const transaction = database.transaction(async (run) => {
    const [row] = await run<[string]>('SELECT pg_backend_pid() FROM @leases WHERE id = $1 FOR UPDATE', [lease.id])
    locking.resolve(Number(row?.[0]))
    await thawed.promise
    await run('UPDATE @leases SET records = records + 1')
  })
  transaction.catch(() => {})
  return { database, transaction, pid: await locking.promise, thaw: () => thawed.resolve() }
}

async function endOf({ query, schema }: OwnSchema, { id }: LeasedTask): Promise<string> {
  const { rows } = await query(`SELECT expires_at FROM "${schema}".leases WHERE id = $1`, [id])
  return rows[0].expires_at
}

function refOf({ id, lease }: LeasedTask) {
  return { taskId: id, token: lease.token }
}
