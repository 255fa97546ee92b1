import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, TaskFailure, TaskResultError, Taskyard, type TaskyardApi } from '@taskyard/taskyard'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

const handlers = {
  double: ({ payload }: { payload: number }) => payload * 2,
  nothing: () => {},
  fail: () => {
    throw new TaskFailure('no such mailbox', { code: 'mailbox_unknown', retryable: false })
  },
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>
const told = { Taskyard: Promise.withResolvers<unknown>(), Client: Promise.withResolvers<unknown>() }
const tell = (name: keyof typeof told) => (error: unknown, during: string) =>
  told[name].resolve([during, (error as Error).message])
const apis: Partial<Record<'Taskyard' | 'Client', TaskyardApi>> = {}

before(async () => {
  folder = await temporaryFolder()
  server = await startServerProcess({ store: join(folder.path, 'server.db') })
  apis.Client = new Client({ url: server.url, onError: tell('Client') })
  apis.Taskyard = await Taskyard.open({ store: 'sqlite::memory:', onError: tell('Taskyard') })
  for (const api of Object.values(apis)) api.work(handlers)
})
after(async () => {
  for (const api of Object.values(apis)) await api.close()
  await server.stop()
  await folder.remove()
})

for (const name of ['Taskyard', 'Client'] as const) {
  const api = (): TaskyardApi => apis[name] as TaskyardApi

  describe(`results of a ${name}`, () => {
    it('are what the handler returned, and null when that was nothing', async () => {
      assert.equal(await api().submitAndWait('double', 21), 42)
      assert.equal(await api().submitAndWait('nothing', null), null)
      const task = await api().submit('double', 4)
      assert.equal(await api().result(task), 8)
      assert.equal(await api().result(task.id), 8)
    })

    it('of a task that failed are its error, with code, message and the stack of its worker', async () => {
      const error = await thrownBy(api().submitAndWait('fail', null))
      const { id } = error.task
      assert.equal(error.code, 'mailbox_unknown')
      assert.equal(error.message, `fail task ${id} failed: no such mailbox`)
      assert.ok(error.cause instanceof Error)
      assert.equal(error.cause.message, 'no such mailbox')
      assert.match(error.cause.stack ?? '', /results\.test\.ts/)
      assert.ok(error.task.status === 'failed')
      assert.equal((await thrownBy(api().result(id))).code, 'mailbox_unknown')
    })

    it('of a task that was cancelled are an error that says so', async () => {
      const { id } = await api().submit('nobody', null)
      const result = thrownBy(api().result(id))
      await api().cancel(id)
      const { code, task, message } = await result
      assert.deepEqual([code, task.status, message], ['cancelled', 'cancelled', `nobody task ${id} was cancelled`])
    })

    it('that have not come in time are an error with the task, which goes on', async () => {
      const { code, task } = await thrownBy(api().submitAndWait('nobody', null, { waitSeconds: 0.05 }))
      assert.equal(code, 'not_ended')
      assert.equal((await api().get(task.id)).status, 'queued')
      const again = await thrownBy(api().result(task.id, { timeoutSeconds: 0 }))
      assert.equal(again.code, 'not_ended')
    })

    it('that have not come say why', async () => {
      const { task, message, waiting } = await thrownBy(api().submitAndWait('doubl', 1, { waitSeconds: 0.05 }))
      const why = 'no known worker takes type doubl; did you mean double?'
      assert.equal(message, `doubl task ${task.id} has not ended, it is queued: ${why}`)
      assert.deepEqual([waiting[0]?.code, waiting[0]?.message], ['no_worker', why])
    })

    it('that nothing will bring are said to onError, while somebody waits for them', { timeout: 120_000 }, async () => {
      const caller = new AbortController()
      const result = thrownBy(api().submitAndWait('doubl', 1, { signal: caller.signal }))
      assert.deepEqual(await told[name].promise, [
        'waiting for a task',
        'no known worker takes type doubl; did you mean double?',
      ])
      caller.abort()
      await result
    })

    it('that are no longer waited for are an error with the reason of the signal', async () => {
      const caller = new AbortController()
      const reason = new Error('the browser has gone')
      const waiting = thrownBy(api().submitAndWait('nobody', 'called off', { signal: caller.signal, tags: [name] }))
      while ((await api().list({ tag: name })).items.length === 0);
      caller.abort(reason)
      const { code, cause } = await waiting
      assert.deepEqual([code, cause], ['not_ended', reason])
      await assert.rejects(api().submitAndWait('nobody', 1, { signal: caller.signal, tags: ['never'] }), reason)
      assert.deepEqual((await api().list({ tag: 'never' })).items, [])
    })

    it('under a key that was used before are those of the first task', async () => {
      const options = { idempotencyKey: 'once', tags: ['once'] }
      assert.equal(await api().submitAndWait('double', 1, options), 2)
      assert.equal(await api().submitAndWait('double', 1, options), 2)
      assert.equal((await api().list({ tag: 'once' })).items.length, 1)
    })
  })
}

async function thrownBy(call: Promise<unknown>): Promise<TaskResultError> {
  const error: unknown = await call.then(
    () => null,
    (thrown) => thrown,
  )
  assert.ok(error instanceof TaskResultError, String(error))
  return error
}
