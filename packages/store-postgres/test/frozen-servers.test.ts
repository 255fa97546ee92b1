// A process that stands still in the middle of a transaction keeps its locks, until the database ends its session.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { LeasedTask } from '@taskyard/core'
import { openDatabase } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { firstRow } from './first-row.ts'
import { type OwnSchema, ownSchema, withParameter } from './own-schema.ts'

test('a heartbeat that names a lease which somebody has locked extends its others at once', async (t) => {
  const { schema, store, locked, free } = await twoLeases(t)
  await schema.query('BEGIN')
  await schema.query(`SELECT FROM "${schema.schema}".leases WHERE id = $1 FOR UPDATE`, [locked.id])
  const beat = store.tasks.extend({ namespace: 'default', leases: [refOf(locked), refOf(free)], leaseMs: 60_000 })
  const extended = `SELECT FROM "${schema.schema}".leases WHERE id = $1 AND expires_at <> $2`
  await firstRow(schema, extended, [free.id, free.lease.expiresAt])
  await schema.query('COMMIT')
  assert.deepEqual(await beat, ['ok', 'ok'])
})

test('a heartbeat that names a lease which a frozen server has locked is answered', async (t) => {
  const { schema, store, locked, free } = await twoLeases(t)
  const frozen = await freezeWith(t, schema, locked)
  assert.deepEqual(
    await store.tasks.extend({ namespace: 'default', leases: [refOf(locked), refOf(free)], leaseMs: 60_000 }),
    ['ok', 'ok'],
  )

  frozen.thaw()
  await assert.rejects(frozen.transaction, { code: 'store_unavailable' })
  assert.deepEqual(await frozen.database.run('SELECT 1'), [['1']])
})

test('what a frozen server had settled and not committed is settled by who asks again', async (t) => {
  const { schema, store, locked } = await twoLeases(t)
  const frozen = await freezeWith(t, schema, locked)
  const settlement = { ...refOf(locked), outcome: 'released' } as const
  const { results } = await store.tasks.settle({ namespace: 'default', settlements: [settlement], claim: null })
  assert.equal(results[0]?.status, 'ok')
  frozen.thaw()
  await assert.rejects(frozen.transaction, { code: 'store_unavailable' })
})

test('a chore of a frozen server keeps its locks no longer', async (t) => {
  const { schema, store, locked } = await twoLeases(t)
  const maintenance = openMaintenance(soonEnded(schema))
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
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [refOf(locked)], leaseMs: 60_000 }), ['ok'])
  thawed.resolve()
  await assert.rejects(chore, { code: 'store_unavailable' })
})

test('the server itself ends what stands still and what was given up, unless the user has it end them sooner', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const impatient = withParameter(schema.url, 'statement_timeout', '3000')
  for (const [of, expected] of [
    [schema.url, ['5s', '12s']],
    [impatient, ['5s', '3s']],
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
  const maintenance = openMaintenance(readPostgresUrl(schema.url))
  t.after(() => maintenance.close())
  const shown = await maintenance.transaction((run) => run('SHOW idle_in_transaction_session_timeout'))
  assert.deepEqual(shown, [['5s']])
})

async function twoLeases(t: TestContext) {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  await store.tasks.enqueue(submissions(newTask(), newTask()))
  const [locked, free] = (await store.tasks.claim(CLAIM)) as [LeasedTask, LeasedTask]
  return { schema, store, locked, free }
}

/** Another server, which stands still after the first statement of a transaction. */
async function freezeWith(t: TestContext, schema: OwnSchema, lease: LeasedTask) {
  const database = openDatabase(soonEnded(schema), 1)
  t.after(() => database.close())
  const [locking, thawed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const transaction = database.transaction(async (run) => {
    await run('SELECT FROM @leases WHERE id = $1 FOR UPDATE', [lease.id])
    locking.resolve()
    await thawed.promise
    await run('UPDATE @leases SET records = records + 1')
  })
  transaction.catch(() => {})
  await locking.promise
  return { database, transaction, thaw: () => thawed.resolve() }
}

/** The server ends a session sooner that stands still in a transaction: the tests need not wait for so long. */
function soonEnded({ url }: OwnSchema) {
  return readPostgresUrl(withParameter(url, 'idle_in_transaction_session_timeout', '500'))
}

function refOf({ id, lease }: LeasedTask) {
  return { taskId: id, token: lease.token }
}
