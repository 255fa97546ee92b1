import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TaskHandlers, toJsonText } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { createEngine } from '@taskyard/engine'
import { openSqliteStore } from '@taskyard/store-sqlite'
import { startWorker, type WorkerOptions } from '@taskyard/worker'
import { createEmbeddedWorkerApi } from '../../taskyard/src/embedded-worker-api.ts'

/** A worker in the process of the real engine, on a real file. */
async function open(t: TestContext, handlers: TaskHandlers, options: WorkerOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-worker-'))
  const store = await openSqliteStore({ path: join(folder, 'tasks.db'), clock: systemClock })
  await store.migrate()
  const ids = createUuidV7Generator(systemClock)
  const engine = createEngine({ store, clock: systemClock, random: systemRandom, ids, nodeId: ids() })
  await engine.start()
  const worker = startWorker(
    createEmbeddedWorkerApi(engine, () => store.threadAccess()),
    handlers,
    options,
  )
  t.after(async () => {
    await worker.stop({ deadlineSeconds: 0 })
    await engine.stop()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  const submit = async (type: string, more: { timeoutSeconds?: number; maxAttempts?: number } = {}) =>
    (await engine.submit({ type, payload: toJsonText(null), ...more })).task.id
  return { engine, worker, submit }
}

test('thousands of tasks are each started once and succeed', async (t) => {
  const { engine, worker } = await open(t, { noop: () => null }, { concurrency: 50 })
  for (let n = 0; n < 5; n++) {
    await engine.submitMany(Array.from({ length: 1000 }, () => ({ type: 'noop', payload: toJsonText(n) })))
  }
  while ((await engine.queue('default')).counts.succeeded < 5000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(worker.stats.started, 5000)
  assert.equal(worker.stats.lost, 0)
})

test('a handler that blocks the event loop for longer than its lease keeps the lease', async (t) => {
  const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
  const { engine, submit } = await open(t, { block }, { leaseSeconds: 1 })
  const task = await engine.wait(await submit('block'), 20)
  assert.deepEqual([task.status, task.attempt, task.crashes], ['succeeded', 1, 0])
})

test('a running task that is cancelled ends cancelled', async (t) => {
  const started = Promise.withResolvers<void>()
  const wait = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    started.resolve()
    await once(signal, 'abort')
  }
  const { engine, submit } = await open(t, { wait })
  const id = await submit('wait')
  await started.promise
  await engine.cancel(id)
  assert.equal((await engine.wait(id, 5)).status, 'cancelled')
})

test('an attempt over its time ends as timeout', async (t) => {
  const wait = (_: unknown, { signal }: { signal: AbortSignal }) => once(signal, 'abort')
  const { engine, submit } = await open(t, { wait })
  const task = await engine.wait(await submit('wait', { timeoutSeconds: 0.3, maxAttempts: 1 }), 10)
  assert.deepEqual([task.status, task.error?.code], ['failed', 'timeout'])
})
