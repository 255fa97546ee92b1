import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { ownSchema } from './own-schema.ts'

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
