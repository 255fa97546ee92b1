import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase, type Run } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { openMaintenance } from '../src/maintenance.ts'
import { ownSchema, withParameter } from './own-schema.ts'

test('a statement of several in one round trip is told as done while the next one runs, and one that failed is not', async (t) => {
  const schema = await ownSchema()
  const database = openDatabase(readPostgresUrl(schema.url), 1)
  t.after(async () => {
    await database.close()
    await schema.destroy()
  })
  const held = `hashtext('${schema.schema}')`
  await schema.query(`SELECT pg_advisory_lock(${held})`)
  const first = { text: 'SELECT 1', values: [] }
  const second = { text: `SELECT pg_advisory_xact_lock(${held})`, values: [] }
  const told: string[] = []
  await database.runAsTransaction([first, second], () => {
    told.push('done')
    void schema.query(`SELECT pg_advisory_unlock(${held})`)
  })
  assert.deepEqual(told, ['done'])
  await assert.rejects(
    database.runAsTransaction([{ text: 'SELECT 1 / 0', values: [] }, first], () => told.push('failed')),
  )
  assert.deepEqual(told, ['done'])
})

test('every statement of a call and every transaction is read committed, whatever the database has by default', async (t) => {
  const schema = await ownSchema()
  const location = readPostgresUrl(
    withParameter(schema.url, 'options', '-c default_transaction_isolation=repeatable\\ read'),
  )
  const [database, maintenance] = [openDatabase(location, 1), openMaintenance(location)]
  t.after(async () => {
    await Promise.all([database.close(), maintenance.close()])
    await schema.destroy()
  })
  const text = `SELECT current_setting('transaction_isolation')`
  const level = (run: Run) => run(text)
  assert.deepEqual(await maintenance.run(text), [['repeatable read']])
  const levels = [
    await level(database.run),
    await level(database.runPipelined),
    await database.transaction(level),
    ...(await database.runAsTransaction([{ text, values: [] }])),
    await maintenance.transaction(level),
  ]
  assert.deepEqual(new Set(levels.flat(2)), new Set(['read committed']))
})
