import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock, submissions, taskMaker } from '@taskyard/conformance'
import { openPostgresStore } from '@taskyard/store-postgres'
import { sharedServer } from '@taskyard/test-servers'
import { ownSchema, withParameter } from './own-schema.ts'

const TASKS = 3_000

test('the place of a task in its lane is counted by an index, up to the bound and no further', async (t) => {
  const { url } = await sharedServer('postgres')
  const schema = await ownSchema(url)
  const clock = createSimulatedClock()
  const store = await openPostgresStore({ url: withParameter(url, 'schema', schema.schema), clock })
  t.after(async () => {
    await store.lifecycle.close()
    await schema.destroy()
  })
  await store.lifecycle.migrate()
  const newTask = taskMaker(clock)
  await store.tasks.enqueue({
    submissions: [{ tasks: Array.from({ length: TASKS }, () => newTask()) }],
    queueDepth: TASKS,
  })
  const last = newTask()
  await store.tasks.enqueue(submissions(last))

  assert.equal(await store.reads.position({ namespace: 'default', taskId: last.id, atMost: 100 }), 100)
  const { seqRead, indexRead } = await readsOf(
    schema,
    `SELECT "${schema.schema}".position_in_lane($1, 'default', 100)`,
    last.id,
  )
  assert.equal(seqRead, 0)
  assert.ok(indexRead <= 110, `${indexRead} entries of indexes were read`)
})

/** Rows of the table `ready` that a statement reads without an index, and entries of its indexes. */
async function readsOf({ query, schema }: Awaited<ReturnType<typeof ownSchema>>, statement: string, id: string) {
  await query('BEGIN')
  await query(statement, [id])
  const { rows } = await query(
    `SELECT pg_stat_get_xact_tuples_returned($1::regclass)::int AS seq,
       (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::int FROM pg_index WHERE indrelid = $1::regclass) AS index`,
    [`"${schema}".ready`],
  )
  await query('ROLLBACK')
  return { seqRead: rows[0]?.['seq'] as number, indexRead: rows[0]?.['index'] as number }
}
