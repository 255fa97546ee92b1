import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBackground } from '../src/background.ts'
import { openDatabase } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { CLAIM, newTask, SWEEP, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

describe('chores of a sweep', () => {
  it('that fail are told, and the leases that ended are, too', async (t) => {
    const schema = await ownSchema()
    t.after(() => schema.destroy())
    let now = Date.now()
    const store = await schema.open({ storeTime: () => now })
    const task = newTask()
    await store.tasks.enqueue(submissions(task))
    await store.tasks.claim({ ...CLAIM, leaseMs: 1000 })
    await schema.query(`ALTER TABLE "${schema.schema}".idempotency RENAME TO mislaid`)
    now += 2000

    const report = await store.upkeep.sweep(SWEEP)

    assert.deepEqual(
      report.ended.map(({ taskId }) => taskId),
      [task.id],
    )
    assert.deepEqual(
      report.failures?.map(({ chore, error }) => [chore, error.code]),
      [['idempotency keys', 'store_unavailable']],
    )
    assert.equal((await store.upkeep.sweep(SWEEP)).failures?.length, 1)
    await schema.query(`ALTER TABLE "${schema.schema}".mislaid RENAME TO idempotency`)
    assert.equal('failures' in (await store.upkeep.sweep(SWEEP)), false)
  })

  it('begin once at a time, and are waited for no longer than is said', async () => {
    const background = createBackground()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    let begun = 0
    const work = () => {
      begun += 1
      return promise
    }
    await background.startAndWait('long', work, 1)
    background.start('long', work)
    assert.equal(begun, 1)
    resolve(true)
    await background.idle()
    background.start('long', work)
    assert.equal(begun, 2)
  })

  it('that were not to be done yet leave their failure as it was', async () => {
    const background = createBackground()
    const names = () => background.failures().map(({ chore }) => chore)
    await background.attempt('chore', () => Promise.reject(new Error('broken')))
    assert.deepEqual(names(), ['chore'])
    await background.attempt('chore', async () => false)
    assert.deepEqual(names(), ['chore'])
    await background.attempt('chore', async () => true)
    assert.deepEqual(names(), [])
  })
})

describe('connections of chores', () => {
  it('are others than those of calls, and closing does not wait for what they run', async (t) => {
    const schema = await ownSchema()
    t.after(() => schema.destroy())
    const location = readPostgresUrl(schema.url)
    const database = openDatabase(location, 1)
    const maintenance = openMaintenance(location)
    const lock = 'SELECT pg_advisory_lock(hashtextextended($1, 0))::text'
    await schema.query(lock, [schema.schema])
    const waiting = maintenance.run(lock, [schema.schema])
    const rejected = assert.rejects(waiting, { code: 'store_unavailable' })
    assert.deepEqual(await database.run('SELECT 1'), [['1']])
    await maintenance.close()
    await rejected
    await database.close()
  })
})
