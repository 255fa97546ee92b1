import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { Client, type TaskHandlers, Taskyard, type TaskyardApi } from '@taskyard/taskyard'
import { type ServerKind, sharedServer } from '@taskyard/test-servers'
import pg from 'pg'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

// A worker declares what its types get by default, and whoever submits has it.

const HANDLERS = {
  invoice: { run: () => 'sent', maxAttempts: 5, timeoutSeconds: 60 },
  report: { run: () => 'written', timeoutSeconds: null },
  plain: () => 'done',
} satisfies TaskHandlers

/** What another process may take to see a declaration, and as much again for a machine that is busy. */
const SEEN_WITHIN_MS = 30_000

type Env = Readonly<Record<string, string>>

async function envOf(t: TestContext, kind: ServerKind | 'sqlite'): Promise<Env> {
  if (kind !== 'sqlite') return storeSettings(kind, newStoreOn(kind, (await sharedServer(kind)).url))
  const folder = await temporaryFolder()
  t.after(() => folder.remove())
  return { TASKYARD_STORE: `sqlite:${join(folder.path, 'tasks.db')}`, TASKYARD_PORT: '0' }
}

async function startServer(t: TestContext, env: Env) {
  const server = runTaskyard(['start'], { env })
  t.after(() => server.stop('SIGKILL'))
  const [, url = ''] = await server.line(/Taskyard is ready at (http\S+)/)
  return { ...server, url }
}

/** As any program submits. */
async function post(url: string, body: object) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/api/v1/tasks`, { method: 'POST', headers, body: JSON.stringify(body) })
  return optionsOf((await answer.json()) as Task)
}

type Task = { readonly maxAttempts: number; readonly timeoutSeconds: number | null }

const optionsOf = ({ maxAttempts, timeoutSeconds }: Task) => [maxAttempts, timeoutSeconds]

/** In this process, on the same store as a server. */
function openStore({ TASKYARD_STORE: store = '' }: Env): Promise<TaskyardApi> {
  return Taskyard.open({ store, allowUnsafeDurability: true })
}

const declared = async (api: TaskyardApi) => (await api.types()).map(({ type }) => type)

for (const kind of ['sqlite', 'postgres', 'redis', 'mongodb'] as const) {
  describe(`what a worker declares for its types, on ${kind}`, { concurrency: 2 }, () => {
    it('is what submissions over HTTP have, unless they say otherwise, also after a restart', async (t) => {
      const env = await envOf(t, kind)
      const first = await startServer(t, env)
      const client = new Client({ url: first.url })
      t.after(() => client.close())
      client.work(HANDLERS)
      await eventually('both types are declared', SEEN_WITHIN_MS, async () => (await declared(client)).length === 2)
      assert.deepEqual(await post(first.url, { type: 'invoice', payload: 1 }), [5, 60])
      assert.deepEqual(await post(first.url, { type: 'invoice', payload: 1, maxAttempts: 1 }), [1, 60])
      assert.deepEqual(await post(first.url, { type: 'invoice', payload: 1, timeoutSeconds: null }), [5, null])
      assert.deepEqual(await post(first.url, { type: 'report', payload: 1 }), [10, null])
      assert.deepEqual(await post(first.url, { type: 'plain', payload: 1 }), [10, 3600])
      assert.deepEqual(optionsOf(await client.in('other').submit('invoice', 1)), [10, 3600])
      const [batched] = await client.submitMany([{ type: 'invoice', payload: 1 }])
      assert.deepEqual(optionsOf(await client.get(batched?.id ?? '')), [5, 60])
      await client.close()
      await first.stop()

      const second = await startServer(t, env)
      assert.deepEqual(await post(second.url, { type: 'invoice', payload: 1 }), [5, 60])
    })

    it('holds in a program that opens the store from the moment it works, until it is taken away', async (t) => {
      const yard = await openStore(await envOf(t, kind))
      t.after(() => yard.close())
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1)), [10, 3600])
      const worker = yard.work(HANDLERS)
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1)), [5, 60])
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1, { maxAttempts: 2 })), [2, 60])
      await worker.stop()
      // Functions alone say nothing.
      await yard.work({ invoice: () => 'sent' }).stop()
      await yard.work({ invoice: { run: () => 'sent' } }).stop()
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1)), [5, 60])
      await yard.clearType('invoice')
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1)), [10, 3600])
      await yard.declareType('invoice', { maxAttempts: 3 })
      assert.deepEqual(optionsOf(await yard.submit('invoice', 1)), [3, 3600])
    })

    if (kind === 'sqlite') return

    it('is seen by servers and programs that were there before', async (t) => {
      const env = await envOf(t, kind)
      const server = await startServer(t, env)
      const yard = await openStore(env)
      t.after(() => yard.close())
      assert.deepEqual(await post(server.url, { type: 'invoice', payload: 1 }), [10, 3600])
      yard.work({ invoice: HANDLERS.invoice })
      await eventually('the server knows', SEEN_WITHIN_MS, async () => {
        return (await post(server.url, { type: 'invoice', payload: 1 }))[0] === 5
      })
      await new Client({ url: server.url }).declareType('invoice', { maxAttempts: 4 })
      await eventually('the program knows', SEEN_WITHIN_MS, async () => {
        return (await yard.submit('invoice', 1)).maxAttempts === 4
      })
    })
  })
}

describe('a task that is submitted in a transaction', () => {
  it('has what its type has by default', async (t) => {
    const env = await envOf(t, 'postgres')
    const yard = await openStore(env)
    const client = new pg.Client({ connectionString: (await sharedServer('postgres')).url })
    await client.connect()
    t.after(async () => {
      await client.end()
      await yard.close()
    })
    yard.work({ invoice: { run: () => 'sent', maxAttempts: 5, timeoutSeconds: 60 } }, { queues: ['nowhere'] })
    await client.query('BEGIN')
    const task = await yard.submit('invoice', 1, { tx: client })
    await client.query('COMMIT')
    assert.deepEqual(optionsOf(await yard.get(task.id)), [5, 60])
  })
})
