// All sessions of a server share one table of locks: whoever fills it makes others fail.
import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { EnqueueOutcome, NewTask, OpenedStore } from '@taskyard/core'
import { startServer, type TestServer } from '@taskyard/test-servers'
import pg from 'pg'
import { newId, newTask, submissions } from './calls.ts'
import { firstRow } from './first-row.ts'
import { type OwnSchema, ownSchema } from './own-schema.ts'

describe('a server whose lock table is small', () => {
  let server: TestServer
  let schema: OwnSchema
  let store: OpenedStore

  before(async () => {
    const settings = { max_connections: '40', max_locks_per_transaction: '10', shared_buffers: '16MB' }
    server = await startServer('postgres', { settings })
    schema = await ownSchema(server.url)
    store = await schema.open()
  })
  after(async () => {
    await schema.destroy()
    await server.destroy()
  })

  it('takes large batches with keys that come together, and what comes beside them', async () => {
    const batches = Array.from({ length: 20 }, () => store.tasks.enqueue(oneBatch(keyed(1000))))
    const beside = [store.tasks.enqueue(submissions(...keyed(100))), store.tasks.enqueue(submissions(newTask()))]
    assertAccepted((await Promise.all([...batches, ...beside])).flat())
  })

  it('takes batches without keys to many queues near their depth that come together', async () => {
    const toManyQueues = () => Array.from({ length: 500 }, () => newTask({ queue: newId() }))
    const calls = Array.from({ length: 10 }, () => store.tasks.enqueue({ ...oneBatch(toManyQueues()), queueDepth: 5 }))
    assertAccepted((await Promise.all(calls)).flat())
  })

  it('lets submissions wait while others have filled the table', async (t) => {
    const free = await fillLocks(t, server.url)
    const single = store.tasks.enqueue(submissions(...keyed(1)))
    const group = store.tasks.enqueue(submissions(...keyed(20), newTask()))
    const batch = store.tasks.enqueue(oneBatch(keyed(50)))
    // The view takes locks.
    await firstRow(
      schema,
      `SELECT FROM pg_stat_get_activity(NULL) WHERE application_name = 'taskyard' AND query = 'ROLLBACK'`,
    )
    await free()
    assertAccepted((await Promise.all([single, group, batch])).flat())
  })
})

function keyed(count: number): readonly NewTask[] {
  return Array.from({ length: count }, () => newTask({ idempotency: { key: newId(), fingerprint: 'x' } }))
}

function oneBatch(tasks: readonly NewTask[]) {
  return { submissions: [{ tasks }], queueDepth: 1_000_000 }
}

function assertAccepted(outcomes: readonly EnqueueOutcome[]): void {
  assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['accepted']))
}

/** Takes every lock there is, until the returned function is called. */
async function fillLocks(t: TestContext, url: string): Promise<() => Promise<unknown>> {
  const client = new pg.Client(url)
  await client.connect()
  t.after(() => client.end())
  await assert.rejects(client.query('SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n'), {
    code: '53200',
  })
  return () => client.query('SELECT pg_advisory_unlock_all()')
}
