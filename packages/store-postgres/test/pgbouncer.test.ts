// A pooler in transaction mode gives every transaction another connection: nothing may depend on what a session keeps.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { describeTaskStore } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openPostgresStore } from '@taskyard/store-postgres'
import { startPgbouncer, startServer } from '@taskyard/test-servers'
import { openDatabase, type Run } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { ownSchema, withParameter } from './own-schema.ts'
import { storeOpener, type Way } from './store-opener.ts'

let shared: Promise<Way> | null = null

const openStore = storeOpener(async (server) => {
  shared ??= wayThroughPooler(server)
  return { url: (await shared).url, destroy: async () => {} }
})

/** Tasks go through the pooler, LISTEN goes to the server itself. */
async function wayThroughPooler(server: string): Promise<Way> {
  const pooler = await startPgbouncer(server)
  return { url: withParameter(pooler.url, 'listen', new URL(server).host), destroy: () => pooler.destroy() }
}

describeTaskStore({
  name: 'postgres behind PgBouncer',
  openStore,
  runner: { describe, it },
  // What several processes and outages do is tested below, in less time.
  capabilities: { shared: false },
  runs: 5,
})

describe('PgBouncer', () => {
  it('lets processes wake each other where LISTEN has a direct connection', async (t) => {
    const { url } = await throughPooler(t)
    const [first, second] = [await opened(t, url), await opened(t, url)]
    const told = { before: Promise.withResolvers<void>(), after: Promise.withResolvers<void>() }
    second.wakeUps.subscribe((lanes) => {
      for (const { type } of lanes) told[type as keyof typeof told].resolve()
    })
    await first.tasks.enqueue(submissions(newTask({ type: 'before' })))
    await told.before.promise
    await first.tasks.enqueue(submissions(newTask({ type: 'after' })))
    await told.after.promise
  })

  it('lets everything else work where LISTEN goes through it', async (t) => {
    const { url } = await throughPooler(t)
    const store = await opened(t, withoutParameter(url, 'listen'))
    const tasks = Array.from({ length: 50 }, () => newTask())
    await Promise.all(tasks.map((task) => store.tasks.enqueue(submissions(task))))
    assert.equal((await store.tasks.claim({ ...CLAIM, limit: 100 })).length, 50)
  })

  it('has each transaction limited by the server, and leaves sessions of others as they are', async (t) => {
    const { url } = await throughPooler(t)
    const database = openDatabase(readPostgresUrl(url), 1)
    t.after(() => database.close())
    const limits = (run: Run) =>
      run(`SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout')`)
    assert.deepEqual(await database.transaction(limits), [['5s', '12s']])
    assert.deepEqual(await limits(database.run), [['0', '0']])
  })

  it('has each statement read committed where the database says otherwise', async (t) => {
    const { url } = await throughPooler(t, await repeatableReads(t))
    const database = openDatabase(readPostgresUrl(url), 2)
    t.after(() => database.close())
    const text = `SELECT current_setting('transaction_isolation'), $1`
    const runs = Array.from({ length: 5 }, (_, n) => [database.run(text, [n]), database.runPipelined(text, [n])])
    const answers = await Promise.all(runs.flat())
    assert.deepEqual(
      answers,
      [0, 0, 1, 1, 2, 2, 3, 3, 4, 4].map((n) => [['read committed', `${n}`]]),
    )
    await assert.rejects(database.runPipelined('SELECT 1 / 0'))
    assert.deepEqual(await database.runPipelined(text, [6]), [['read committed', '6']])
  })

  it('passes on an outage of the server, and its end', async (t) => {
    const server = await startServer('postgres')
    t.after(() => server.destroy())
    const { url } = await throughPooler(t, server.url)
    const store = await opened(t, url)
    await server.kill()
    await assert.rejects(store.tasks.enqueue(submissions(newTask())), { code: 'store_unavailable' })
    await assert.rejects(openPostgresStore({ url, clock: systemClock }), { code: 'store_unavailable' })
    await server.start()
    const from = performance.now()
    while (!(await store.lifecycle.health()).healthy)
      assert.ok(performance.now() - from < 60_000, 'not within a minute of its return')
  })
})

async function throughPooler(t: TestContext, server?: string): Promise<Way> {
  const schema = await ownSchema(server)
  const way = await wayThroughPooler(schema.server)
  t.after(async () => {
    await way.destroy()
    await schema.destroy()
  })
  return { ...way, url: withParameter(way.url, 'schema', schema.schema) }
}

/** A database of the test's own on the shared server. */
async function repeatableReads(t: TestContext): Promise<string> {
  const schema = await ownSchema()
  await schema.query(`CREATE DATABASE "${schema.schema}"`)
  t.after(async () => {
    await schema.query(`DROP DATABASE "${schema.schema}" WITH (FORCE)`)
    await schema.destroy()
  })
  await schema.query(`ALTER DATABASE "${schema.schema}" SET default_transaction_isolation = 'repeatable read'`)
  return new URL(schema.schema, schema.server).href
}

async function opened(t: TestContext, url: string): Promise<OpenedStore> {
  const store = await openPostgresStore({ url, clock: systemClock })
  t.after(() => store.lifecycle.close())
  await store.lifecycle.migrate()
  return store
}

function withoutParameter(url: string, name: string): string {
  const changed = new URL(url)
  changed.searchParams.delete(name)
  return changed.href
}
