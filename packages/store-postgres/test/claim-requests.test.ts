import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LeasedTask, TaskyardError } from '@taskyard/core'
import type { Run } from '../src/database.ts'
import { createClaims } from '../src/operations/claim.ts'
import { CLAIM, newTask, SWEEP, submissions } from './calls.ts'
import { firstRow } from './first-row.ts'
import { ownSchema } from './own-schema.ts'
import { openTimeSlotTestBed } from './time-slot-test-bed.ts'

test('a claim is remembered for as long as a lease that it gave holds', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  let now = Date.now()
  const store = await schema.open({ storeTime: () => now })
  const claim = { ...CLAIM, leaseMs: 30_000 }
  await store.tasks.enqueue(submissions(newTask(), newTask(), newTask()))
  const [held] = await store.tasks.claim({ ...claim, limit: 1, requestId: 'held' })
  const [settled] = await store.tasks.claim({ ...claim, limit: 1, requestId: 'settled' })
  await store.tasks.claim({ ...claim, limit: 1, requestId: null })
  assert.equal((await store.tasks.claim({ ...claim, requestId: 'nothing' })).length, 0)
  const remembered = async () => {
    const { rows } = await schema.query(`SELECT request_id FROM "${schema.schema}".claim_requests ORDER BY 1`)
    return rows.map(({ request_id }) => request_id)
  }
  assert.deepEqual(await remembered(), ['held', 'settled'])

  await store.tasks.settle({
    namespace: 'default',
    settlements: [{ ...refOf(settled), outcome: 'succeeded', result: null }],
    claim: null,
  })
  now += 20_000
  await store.tasks.extend({ namespace: 'default', leases: [refOf(held)], leaseMs: 30_000 })
  now += 20_000
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await remembered(), ['held'])
  const again = await store.tasks.claim({ ...claim, requestId: 'held' })
  assert.deepEqual(again.map(refOf), [refOf(held)])

  now += 60_000
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await remembered(), [])
})

test('what a claim got whose caller meets an error is not given back once the same claim has got it again', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  let now = Date.now()
  const store = await schema.open({ storeTime: () => now })
  await store.tasks.enqueue(submissions(newTask()))
  const [held] = await store.tasks.claim(CLAIM)
  await store.tasks.enqueue(submissions(newTask()))
  const claim = { ...CLAIM, limit: 100, requestId: 'many' }

  await schema.query('BEGIN')
  await schema.query(`SELECT FROM "${schema.schema}".leases FOR UPDATE`)
  const settlements = [{ ...refOf(held), outcome: 'succeeded', result: null } as const]
  const failing = assert.rejects(store.tasks.settle({ namespace: 'default', settlements, claim }))
  const waiting = await firstRow(
    schema,
    'SELECT pid FROM pg_locks WHERE NOT granted AND transactionid = $1::text::xid',
    [(await schema.query('SELECT pg_current_xact_id()::text AS id')).rows[0].id],
  )
  await firstRow(schema, `SELECT FROM "${schema.schema}".leases WHERE id <> $1`, [held?.id])
  now += 1
  const [again] = await store.tasks.claim(claim)
  await schema.query('SELECT pg_cancel_backend($1)', [waiting['pid']])
  await failing
  await schema.query('ROLLBACK')
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [refOf(again)], leaseMs: 30_000 }), ['ok'])
})

test('what was given again is not given back by a call that fails: the first one may have been heard', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  await store.tasks.enqueue(submissions(newTask()))
  const [settled] = await store.tasks.claim(CLAIM)
  await store.tasks.enqueue(submissions(newTask()))
  const claim = { ...CLAIM, limit: 100, requestId: 'many' }
  const [held] = await store.tasks.claim(claim)

  await schema.query('BEGIN')
  await schema.query(`SELECT FROM "${schema.schema}".leases WHERE id = $1 FOR UPDATE`, [settled?.id])
  const settlements = [{ ...refOf(settled), outcome: 'succeeded', result: null } as const]
  const failing = assert.rejects(store.tasks.settle({ namespace: 'default', settlements, claim }))
  const waiting = await firstRow(
    schema,
    'SELECT pid FROM pg_locks WHERE NOT granted AND transactionid = $1::text::xid',
    [(await schema.query('SELECT pg_current_xact_id()::text AS id')).rows[0].id],
  )
  await firstRow(schema, `SELECT FROM "${schema.schema}".leases WHERE id = $1 AND expires_at <> $2`, [
    held?.id,
    held?.lease.expiresAt,
  ])
  await schema.query('SELECT pg_cancel_backend($1)', [waiting['pid']])
  await failing
  await schema.query('ROLLBACK')
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [refOf(held)], leaseMs: 30_000 }), ['ok'])
})

test('a settlement that is stored is not told as refused because the tasks of its claim cannot be given again', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  await store.tasks.enqueue(submissions(newTask(), newTask()))
  const claim = { ...CLAIM, limit: 1, requestId: 'held' }
  const [settled] = await store.tasks.claim({ ...CLAIM, limit: 1 })
  await store.tasks.claim(claim)
  await schema.query(`SET search_path TO "${schema.schema}"`)
  await schema.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$`)
  await schema.query('CREATE TRIGGER refuse BEFORE UPDATE ON leases EXECUTE FUNCTION refuse()')

  const settlements = [{ ...refOf(settled), outcome: 'succeeded', result: null } as const]
  await assert.rejects(store.tasks.settle({ namespace: 'default', settlements, claim }), {
    code: 'store_unavailable',
    definite: false,
  })
  const [found] = await store.reads.find({ namespace: 'default', taskIds: [settled?.id ?? ''] })
  assert.equal(found?.status, 'succeeded')
})

test('a claim whose second look may have taken more is not answered with what the first one found', async (t) => {
  const bed = await openTimeSlotTestBed()
  t.after(() => bed.close())
  const { context, submit } = bed
  let [now, looks] = [0, 0]
  const run: Run = async (text, values) => {
    if (!text.includes('@claim_tasks')) return context.database.run(text, values)
    looks += 1
    // The claim before takes long from the start, so that the first look begins elsewhere; at its end that is long ago.
    now += looks === 1 ? 20 : 1000
    if (looks === 3) await submit()
    const rows = await context.database.run(text, values)
    if (looks === 3) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    return rows as never
  }
  const claims = createClaims(
    { ...context, database: { ...context.database, run } },
    () => now,
    async () => {},
  )
  await submit()
  await claims.claim({ ...CLAIM, limit: 1 })
  const [first, claim] = [await submit(), { ...CLAIM, limit: 2, requestId: 'twice' }]
  await assert.rejects(claims.claim(claim), { code: 'store_unavailable' })
  const again = await claims.claim(claim)
  assert.deepEqual([again.length, again[0]?.id, looks], [2, first, 4])
})

function refOf(task: LeasedTask | undefined) {
  assert.ok(task)
  return { taskId: task.id, token: task.lease.token }
}
