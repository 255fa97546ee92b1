import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type MessagePort, Worker } from 'node:worker_threads'
import type { LeasedTask } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { openLeaseExtender } from '../src/lease-extender.ts'
import { createSteadyClock } from '../src/steady-clock.ts'
import { CLAIM, newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

test('the event loop turns while the store works', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  const batch = { tasks: Array.from({ length: 20_000 }, () => newTask()) }
  let stored = false
  const storing = store.tasks.enqueue({ submissions: [batch], queueDepth: 1_000_000 }).then(() => {
    stored = true
  })
  let turns = 0
  for (; !stored; turns++) await setImmediate()
  await storing
  assert.ok(turns > 20, `only ${turns} turns`)
})

test('another thread keeps a lease alive while the main thread is blocked', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  await store.tasks.enqueue(submissions(newTask()))
  const [task] = await store.tasks.claim({ ...CLAIM, leaseMs: 1000 })
  assert.ok(task)
  const { module, data, transfer } = store.lifecycle.threadAccess()
  const script = `
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(async ({ openLeaseExtender }) => {
      const extender = openLeaseExtender(workerData.data)
      const statuses = await extender.extend({ namespace: 'default', leases: [workerData.lease], leaseMs: 60_000 })
      Atomics.store(workerData.done, 0, statuses[0] === 'ok' ? 1 : 2)
      Atomics.notify(workerData.done, 0)
      await extender.close()
    })`
  const done = new Int32Array(new SharedArrayBuffer(4))
  const lease = { taskId: task.id, token: task.lease.token }
  const workerData = { module, data, lease, done }
  const thread = new Worker(script, { eval: true, workerData, transferList: transfer as never[] })
  t.after(() => thread.terminate())
  Atomics.wait(done, 0, 0, 20_000)
  assert.equal(Atomics.load(done, 0), 1)
  const retention = { succeededSeconds: 1, failedSeconds: 1, finishedBytes: 1 }
  const { nextAt } = await store.upkeep.sweep({ cancelGraceMs: 1000, retention, limit: 10, jitter: 0 })
  assert.ok((nextAt ?? 0) > systemClock.now() + 50_000)
})

test('a lease is not kept alive from another thread under the name of another namespace', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  await store.tasks.enqueue(submissions(newTask()))
  const [task] = await store.tasks.claim(CLAIM)
  assert.ok(task)
  const extender = openLeaseExtender(store.lifecycle.threadAccess().data as { port: MessagePort })
  t.after(() => extender.close())
  const leases = [{ taskId: task.id, token: task.lease.token }]
  assert.deepEqual(await extender.extend({ namespace: 'other', leases, leaseMs: 120_000 }), ['lost'])
  assert.equal((await store.presence.holders({ namespace: null }))[0]?.lastEnd, task.lease.expiresAt)
})

test('calls after close are refused, and close may be repeated', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  await Promise.all([store.lifecycle.close(), store.lifecycle.close()])
  await assert.rejects(store.reads.find({ namespace: 'default', taskIds: [] }), {
    code: 'store_unavailable',
    message: /closed/,
  })
  assert.equal((await store.lifecycle.health()).healthy, false)
})

test('what was accepted before close is stored', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const task = newTask({ id: createUuidV7Generator(systemClock)() })
  const first = await openStore(t, path)
  const accepted = first.tasks.enqueue(submissions(task))
  await first.lifecycle.close()
  assert.equal((await accepted)[0]?.kind, 'accepted')
  assert.ok((await (await openStore(t, path)).reads.find({ namespace: 'default', taskIds: [task.id] }))[0])
})

test("the store's clock never runs backwards and does not stand still for long", () => {
  let wall = 1_000_000
  const time = createSteadyClock({ now: () => wall, after: () => () => {} })
  const now = () => time().now
  assert.equal(now(), 1_000_000)
  wall -= 500
  assert.equal(now(), 1_000_000, 'a small step back holds the time')
  wall += 600
  assert.equal(now(), 1_000_100)
  wall -= 3_600_000
  assert.equal(now(), 1_000_100, 'a large step back is followed')
  wall += 2000
  assert.equal(now(), 1_002_100, 'and time goes on from there')
})

test('a claim that a wake-up brings about is behind its tasks before they are stored', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  const claims: Promise<readonly LeasedTask[]>[] = []
  store.wakeUps.subscribe(() => claims.push(store.tasks.claim(CLAIM)))
  const task = newTask()
  const stored = store.tasks.enqueue(submissions(task))
  assert.equal(claims.length, 1, 'it was woken before the answer')
  await stored
  assert.deepEqual(
    (await claims[0])?.map(({ id }) => id),
    [task.id],
  )
})
