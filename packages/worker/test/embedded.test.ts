import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually } from '@taskyard/conformance'
import type { TaskHandlers } from '@taskyard/core'
import { Taskyard } from '@taskyard/taskyard'
import type { WorkerOptions } from '@taskyard/worker'

/** A worker in the process of the real engine, on a real file. */
async function open(t: TestContext, handlers: TaskHandlers, options: WorkerOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-worker-'))
  const yard = await Taskyard.open({ store: `sqlite:${join(folder, 'tasks.db')}` })
  const worker = yard.work(handlers, options)
  t.after(async () => {
    await worker.stop({ deadlineSeconds: 0 })
    await yard.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { yard, worker }
}

test('thousands of tasks are each started once and succeed', async (t) => {
  const { yard, worker } = await open(t, { noop: () => null }, { concurrency: 50 })
  for (let n = 0; n < 5; n++) await yard.submitMany(Array.from({ length: 1000 }, () => ({ type: 'noop', payload: n })))
  await eventually('all succeed', 60_000, async () => (await yard.queue('default')).counts.succeeded === 5000)
  assert.equal(worker.stats.started, 5000)
  assert.equal(worker.stats.lost, 0)
})

test('a handler that blocks the event loop for longer than its lease keeps the lease', async (t) => {
  const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
  const { yard } = await open(t, { block }, { leaseSeconds: 1 })
  const task = await yard.wait(await yard.submit('block', null))
  assert.deepEqual([task.status, task.attempt, task.crashes], ['succeeded', 1, 0])
})

test('a running task that is cancelled ends cancelled', async (t) => {
  const started = Promise.withResolvers<void>()
  const wait = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    started.resolve()
    await once(signal, 'abort')
  }
  const { yard } = await open(t, { wait })
  const { id } = await yard.submit('wait', null)
  await started.promise
  await yard.cancel(id)
  assert.equal((await yard.wait(id, { timeoutSeconds: 5 })).status, 'cancelled')
})

test('an attempt over its time ends as timeout', async (t) => {
  const wait = (_: unknown, { signal }: { signal: AbortSignal }) => once(signal, 'abort')
  const { yard } = await open(t, { wait })
  const submitted = await yard.submit('wait', null, { timeoutSeconds: 0.3, maxAttempts: 1 })
  const task = await yard.wait(submitted, { timeoutSeconds: 10 })
  assert.deepEqual([task.status, task.error?.code], ['failed', 'timeout'])
})
