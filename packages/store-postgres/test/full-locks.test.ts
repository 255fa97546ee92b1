// All sessions of a server share one table of locks: whoever fills it makes others fail.
import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { type EnqueueOutcome, type NewTask, type OpenedStore, TaskyardError } from '@taskyard/core'
import { startServer, type TestServer } from '@taskyard/test-servers'
import pg from 'pg'
import { retryOnFullLocks } from '../src/operations/retry-on-full-locks.ts'
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
    const others = [store.tasks.enqueue(submissions(...keyed(100))), store.tasks.enqueue(submissions(newTask()))]
    assertAccepted((await Promise.all([...batches, ...others])).flat())
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

  it('judges by itself each of those that come together and do not all find room', async (t) => {
    const free = await fillLocks(t, server.url)
    await free(100)
    const [single] = keyed(1) as [NewTask]
    const batch = [{ tasks: keyed(1000) }, { tasks: [single] }, { tasks: [newTask()] }]
    const outcomes = await store.tasks.enqueue({ submissions: batch, queueDepth: 1_000_000 })
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['no-room', 'accepted', 'accepted'],
    )
    assert.match(JSON.stringify(outcomes[0]), /max_locks_per_transaction/)
    await free()
    assertAccepted(await store.tasks.enqueue({ submissions: batch.slice(0, 1), queueDepth: 1_000_000 }))
  })
})

describe('submissions that are stored one by one', () => {
  const batch = Array.from({ length: 6 }, () => ({ tasks: [newTask()] }))
  const full = Object.assign(new Error('out of shared memory'), { code: '53200' })

  it('leave nothing under way when one of them fails, and what was stored is not denied', async () => {
    const slow = Promise.withResolvers<void>()
    const stored: unknown[] = []
    const answer = retryOnFullLocks(batch, async (some) => {
      if (some.length > 1) throw full
      if (some[0] === batch[1]) {
        // Once those beside it are on their way.
        setImmediate(slow.resolve)
        throw new TaskyardError('store_full', { reason: 'test' })
      }
      await slow.promise
      stored.push(some[0])
      return [{ kind: 'accepted', tasks: [] }]
    })
    await assert.rejects(answer, { code: 'store_unavailable', definite: false })
    assert.deepEqual(stored, [batch[0], batch[2], batch[3]])
  })

  it('are refused definitely when none of them was stored', async () => {
    const answer = retryOnFullLocks(batch, async (some) => {
      throw some.length > 1 ? full : new TaskyardError('store_full', { reason: 'test' })
    })
    await assert.rejects(answer, { code: 'store_full', definite: true })
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

/** Takes every lock there is. The returned function frees some, or all. */
async function fillLocks(t: TestContext, url: string): Promise<(count?: number) => Promise<unknown>> {
  const client = new pg.Client(url)
  await client.connect()
  t.after(() => client.end())
  await assert.rejects(client.query('SELECT pg_advisory_lock(n) FROM generate_series(1, 1000000) AS n'), {
    code: '53200',
  })
  return (count) =>
    count === undefined
      ? client.query('SELECT pg_advisory_unlock_all()')
      : client.query('SELECT pg_advisory_unlock(n) FROM generate_series(1, $1::int) AS n', [count])
}
