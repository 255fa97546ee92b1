// Somebody sets the clock of the database's server back, or a standby with another clock takes over.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import { CLAIM, newTask, SWEEP, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

async function openTestBed(t: TestContext) {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  const name = (of: string) => `"${schema.schema}".${of}`
  await schema.query(`CREATE TABLE ${name('clock')} (now bigint); INSERT INTO ${name('clock')} VALUES (${Date.now()})`)
  await schema.query(`CREATE OR REPLACE FUNCTION ${name('server_clock')}() RETURNS bigint LANGUAGE sql VOLATILE
    RETURN (SELECT now FROM ${name('clock')})`)
  const timeFor = async (atLeast: number) => {
    const { rows } = await schema.query(`SELECT ${name('server_now')}(NULL, $1) AS now`, [atLeast])
    return Number(rows[0].now)
  }
  return {
    schema,
    store,
    name,
    timeFor,
    move: (byMs: number) => schema.query(`UPDATE ${name('clock')} SET now = now + $1`, [byMs]),
    clock: async () => Number((await schema.query(`SELECT now FROM ${name('clock')}`)).rows[0].now),
  }
}

async function submitAndClaim(store: OpenedStore) {
  await store.tasks.enqueue(submissions(newTask()))
  const [task] = await store.tasks.claim(CLAIM)
  assert.ok(task)
  return task
}

const reasons = async (store: OpenedStore) => (await store.upkeep.sweep(SWEEP)).ended.map(({ reason }) => reason)

test('a lease ends in its time after the clock was ahead and is put right', async (t) => {
  const { store, move } = await openTestBed(t)
  await move(HOUR)
  await store.tasks.enqueue(submissions(newTask()))
  await move(-HOUR)
  const [task] = await store.tasks.claim(CLAIM)
  assert.ok(task)
  await move(CLAIM.leaseMs)
  assert.deepEqual(await reasons(store), [])
  await move(CLAIM.leaseMs / 5)
  assert.deepEqual(await reasons(store), ['expired'])
})

test('a delay that began while the clock was ahead ends in its time', async (t) => {
  const { store, move } = await openTestBed(t)
  await move(HOUR)
  await store.tasks.enqueue(submissions(newTask({ delayMs: 60_000 })))
  await move(-HOUR)
  assert.deepEqual(await store.tasks.claim(CLAIM), [])
  await move(70_000)
  assert.equal((await store.tasks.claim(CLAIM)).length, 1)
})

test('processes that did not see the clock ahead go by the same time as those that did', async (t) => {
  const { schema, store, move } = await openTestBed(t)
  await move(HOUR)
  const before = await submitAndClaim(store)
  await move(-HOUR)
  await store.tasks.enqueue(submissions(newTask()))
  const other = await schema.open()
  const [task] = await other.tasks.claim(CLAIM)
  assert.ok(Number(task?.startedAt) >= Number(before.startedAt))
  assert.deepEqual(await reasons(store), [])
  assert.deepEqual(await reasons(other), [])
})

test('the clock catches up with the time, which then is its own again', async (t) => {
  const { timeFor, move, clock } = await openTestBed(t)
  const ahead = (await clock()) + HOUR
  assert.equal(await timeFor(ahead), ahead)
  await move(HOUR)
  assert.equal(await timeFor(0), ahead + 0.9 * HOUR)
  await move(9 * HOUR)
  assert.equal(await timeFor(0), await clock())
  await move(DAY)
  assert.equal(await timeFor(ahead), await clock())
})

test('a clock that was set back and is put right catches up as well', async (t) => {
  const { timeFor, move, clock } = await openTestBed(t)
  const start = await timeFor(0)
  await move(-HOUR)
  assert.equal(await timeFor(start), start)
  await move(HOUR)
  assert.ok((await timeFor(start)) < start + HOUR)
  await move(9 * HOUR)
  assert.equal(await timeFor(start), await clock())
})

test('a step back of a second is waited out', async (t) => {
  const { timeFor, move, clock } = await openTestBed(t)
  const start = await timeFor(0)
  await move(-1000)
  assert.equal(await timeFor(start), start)
  assert.equal(await timeFor(0), await clock())
})

test('a role that may only submit does so also after the clock was set back', async (t) => {
  const { schema, name, timeFor, clock } = await openTestBed(t)
  const role = `${schema.schema}_app`
  await schema.query(`CREATE ROLE ${role}`)
  try {
    await schema.query(
      `GRANT USAGE ON SCHEMA "${schema.schema}" TO ${role}; GRANT SELECT ON ${name('clock')} TO ${role}`,
    )
    const ahead = (await clock()) + HOUR
    await schema.query(`SET ROLE ${role}`)
    assert.equal(await timeFor(ahead), ahead)
  } finally {
    await schema.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})
