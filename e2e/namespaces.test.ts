import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, type NamespaceApi, Taskyard, type TaskyardApi } from '@taskyard/taskyard'
import { useServer } from './support/cli.ts'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

const { serverUrl, run, runJson } = useServer()
const NOT_FOUND = { code: 'task_not_found' }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

/** Each way to a Taskyard: in a namespace, and what was opened, which is closed in the end. */
const WAYS: Readonly<Record<string, () => Promise<readonly [opened: TaskyardApi, tenant: NamespaceApi]>>> = {
  'a store that was opened in it': async () => {
    const yard = await Taskyard.open({ store: `sqlite:${join(folder.path, 'opened.db')}`, namespace: 'tenant' })
    return [yard, yard]
  },
  'in() of a store': async () => {
    const yard = await Taskyard.open({ store: `sqlite:${join(folder.path, 'in.db')}` })
    return [yard, yard.in('tenant')]
  },
  'a client that was made in it': async () => {
    const client = new Client({ url: serverUrl(), namespace: 'tenant-1' })
    return [client, client]
  },
  'in() of a client': async () => {
    const client = new Client({ url: serverUrl() })
    return [client, client.in('tenant-2')]
  },
}

describe('a namespace', () => {
  for (const [way, open] of Object.entries(WAYS)) {
    it(`has tasks, queues and workers of its own, by ${way}`, async (t) => {
      const [opened, tenant] = await open()
      t.after(() => opened.close())
      const other = tenant.in(`other-${way.length}`)
      const seen: string[] = []
      tenant.work({ greet: ({ id }) => seen.push(id) }, { workerId: 'worker' })
      other.work({ greet: ({ id }) => seen.push(id) }, { workerId: 'worker', queues: ['elsewhere'] })
      const task = await tenant.submit('greet', { name: 'Ada' })
      assert.equal((await tenant.wait(task)).status, 'succeeded')
      assert.deepEqual(seen, [task.id])
      assert.equal((await tenant.workers()).length, 1)
      await assert.rejects(other.get(task.id), NOT_FOUND)
      await assert.rejects(other.wait(task.id), NOT_FOUND)
      await assert.rejects(other.events(task.id), NOT_FOUND)
      await assert.rejects(other.retry(task.id), NOT_FOUND)
      assert.deepEqual((await other.list()).items, [])
      assert.deepEqual(await other.queues(), [])
      const foreign = await other.submit('greet', { name: 'Bob' })
      await tenant.pause('default')
      await assert.rejects(tenant.cancel(foreign.id), NOT_FOUND)
      assert.equal((await other.get(foreign.id)).status, 'queued')
      assert.equal((await other.queue('default')).paused, false)
    })
  }

  it('is refused where it can be none', async () => {
    const refused = { code: 'invalid_configuration', message: /a namespace has 1 to 128 letters/ }
    const store = `sqlite:${join(folder.path, 'refused.db')}`
    await assert.rejects(Taskyard.open({ store, namespace: 'a b' }), refused)
    assert.throws(() => new Client({ url: serverUrl(), namespace: 'a/b' }), refused)
    const misspelled = { url: serverUrl(), namspace: 'tenant' }
    const lost = { url: serverUrl(), namespace: undefined } as never
    assert.throws(() => new Client(lost), refused)
    const client = new Client({ url: serverUrl(), namespace: 'one', headers: { 'Taskyard-Namespace': 'two' } })
    assert.equal(client.namespace, 'one')
    assert.deepEqual((await client.list()).items, [])
    assert.throws(() => client.in(undefined as never), refused)
    await client.close()
    assert.throws(() => new Client(misspelled), { code: 'invalid_configuration', message: /namspace is no option/ })
  })

  it('shares everything but its tasks with the one it comes from', async () => {
    const client = new Client({ url: serverUrl() })
    const worker = client.in('tenant-4').work({ greet: () => 1 })
    await (client.in('tenant-6') as Client).close()
    await client.list()
    await client.close()
    await worker.closed
    await assert.rejects(client.in('tenant-5').list(), { code: 'closed' })
  })

  it('may have its own embedded worker', async (t) => {
    const store = join(folder.path, 'embedded.db')
    const server = await startServerProcess({ store, env: { TASKYARD_WORKER_NAMESPACES: 'acme,globex' } })
    t.after(() => server.stop())
    const client = new Client({ url: server.url })
    t.after(() => client.close())
    for (const name of ['acme', 'globex']) {
      const customer = client.in(name)
      const task = await customer.wait(await customer.submit('uppercase', { text: name }))
      assert.deepEqual(task.result, { result: name.toUpperCase() })
    }
  })

  it('is named to the command line by --namespace, else TASKYARD_NAMESPACE', async () => {
    const { id, namespace } = await runJson(['submit', 'nobody', '1', '--namespace', 'tenant-3'])
    assert.equal(namespace, 'tenant-3')
    assert.equal((await run(['get', id])).code, 3)
    assert.equal((await runJson(['get', id, '--namespace', 'tenant-3'])).id, id)
    const submitted = await run(['submit', 'nobody', '1', '--namespace', 'tenant-3'])
    assert.match(submitted.stderr, /taskyard get [-0-9a-f]+ --wait --namespace tenant-3\n/)
    const list = await run(['list', '--json'], { env: { TASKYARD_NAMESPACE: 'tenant-3' } })
    assert.equal(JSON.parse(list.stdout).items[1].id, id)
    assert.equal((await run(['list'], { env: { TASKYARD_NAMESPACE: '' } })).code, 2)
    const wrong = await run(['list', '--namespace', 'a b'])
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /Expected a namespace: a namespace has 1 to 128 letters/)
  })
})
