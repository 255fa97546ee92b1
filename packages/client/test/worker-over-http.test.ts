import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@taskyard/client'
import { databaseFile, startRealServer } from './real-server.ts'

test('a handler that blocks the event loop for longer than its lease keeps the lease', async (t) => {
  const file = await databaseFile(t)
  const server = fork(fileURLToPath(new URL('./server-process.ts', import.meta.url)), [file])
  const [url] = (await once(server, 'message')) as [string]
  const client = new Client({ url })
  t.after(async () => {
    await client.close()
    server.send('stop')
    await once(server, 'exit')
  })
  client.work({ block: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3500) }, { leaseSeconds: 1 })
  const task = await client.wait(await client.submit('block', null))
  assert.equal(task.status, 'succeeded')
  assert.deepEqual([task.attempt, task.crashes], [1, 0])
})

test('after an outage the outcome of the task that ran is accepted, and new tasks are taken', async (t) => {
  const file = await databaseFile(t)
  const first = await startRealServer(file)
  const { port } = new URL(first.url)
  const client = new Client({ url: first.url })
  const release = Promise.withResolvers<string>()
  const started = Promise.withResolvers<void>()
  const wait = () => {
    started.resolve()
    return release.promise
  }
  client.work({ wait, noop: () => 'ok' }, { onError: () => {} })
  const running = await client.submit('wait', null)
  await started.promise
  await first.stop()
  release.resolve('survived')
  const submitting = client.submit('noop', null)
  const second = await startRealServer(file, Number(port))
  t.after(async () => {
    await client.close()
    await second.stop()
  })
  const returnedAt = Date.now()
  assert.equal((await client.wait(await submitting)).result, 'ok')
  assert.ok(Date.now() - returnedAt < 6000)
  const task = await client.wait(running)
  assert.deepEqual([task.result, task.attempt], ['survived', 1])
})

test('while a server drains, what ran is settled with it, and new work waits for its successor', async (t) => {
  const file = await databaseFile(t)
  const first = await startRealServer(file)
  const { port } = new URL(first.url)
  const client = new Client({ url: first.url, retrySeconds: 60 })
  const release = Promise.withResolvers<string>()
  const started = Promise.withResolvers<void>()
  const wait = () => {
    started.resolve()
    return release.promise
  }
  client.work({ wait, noop: () => 'ok' }, { onError: () => {} })
  const running = await client.submit('wait', null)
  await started.promise
  first.drain()
  const submitting = client.submit('noop', null)
  release.resolve('settled in time')
  const settled = await first.engine.wait(running.id, 30)
  assert.deepEqual([settled.status, settled.result], ['succeeded', '"settled in time"'])
  assert.equal((await first.engine.list({})).items.length, 1)
  await first.stop()
  const second = await startRealServer(file, Number(port))
  t.after(async () => {
    await client.close()
    await second.stop()
  })
  const task = await client.wait(await submitting)
  assert.deepEqual([task.status, task.result, task.attempt], ['succeeded', 'ok', 1])
})

test('a worker that stops gives its prefetched tasks back with their attempts', async (t) => {
  const server = await startRealServer(await databaseFile(t))
  const client = new Client({ url: server.url })
  t.after(async () => {
    await client.close()
    await server.stop()
  })
  const started = Promise.withResolvers<void>()
  const wait = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    started.resolve()
    await once(signal, 'abort')
  }
  const worker = client.work({ wait }, { concurrency: 1, prefetch: 4 })
  const tasks = await client.submitMany(Array.from({ length: 5 }, () => ({ type: 'wait', payload: null })))
  await started.promise
  await worker.stop({ deadlineSeconds: 0 })
  const after = await Promise.all(tasks.map(({ id }) => client.get(id)))
  assert.deepEqual(
    after.map(({ status, attempt }) => [status, attempt]),
    tasks.map(() => ['queued', 0]),
  )
})
