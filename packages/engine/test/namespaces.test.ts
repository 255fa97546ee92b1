import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalNews, type OpenedStore, type TaskIdsParams, wrapCalls } from '@taskyard/core'
import type { UseCases } from '../src/index.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const NOT_FOUND = { code: 'task_not_found' }
const CLAIM = { ...claimOf('worker-1'), worker: { workerId: 'worker-1', nodeId: null, session: true } }

async function start(calls: UseCases) {
  const { task } = await calls.submit(TASK)
  const [leased] = await calls.claim(CLAIM)
  assert.equal(leased?.id, task.id)
  return { taskId: task.id, token: leased?.lease.token ?? 0 }
}

test('what belongs to another namespace is answered as what does not exist', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await start(engine)
  const { taskId } = lease
  const elsewhere = engine.in('elsewhere')
  const before = [await engine.get(taskId), await engine.history(taskId)]
  const never = new AbortController().signal
  await assert.rejects(elsewhere.get(taskId), NOT_FOUND)
  await assert.rejects(elsewhere.history(taskId), NOT_FOUND)
  await assert.rejects(elsewhere.wait(taskId, 1), NOT_FOUND)
  await assert.rejects(Array.fromAsync(elsewhere.watch(taskId, 0, never)), NOT_FOUND)
  await assert.rejects(elsewhere.cancel(taskId), NOT_FOUND)
  await assert.rejects(elsewhere.retry(taskId), NOT_FOUND)
  assert.deepEqual(await elsewhere.heartbeat([lease]), ['lost'])
  assert.deepEqual(await elsewhere.record([{ ...lease, log: 'line' }]), ['lost'])
  assert.deepEqual((await elsewhere.settle([{ ...lease, outcome: 'succeeded' }])).results, [{ status: 'lost' }])
  assert.equal((await elsewhere.cancelMatching({ queue: 'default' })).matched, 0)
  assert.equal((await elsewhere.retryMatching({ queue: 'default' })).matched, 0)
  assert.deepEqual((await elsewhere.list({})).items, [])
  assert.deepEqual(await elsewhere.claim(claimOf('worker-2')), [])
  assert.deepEqual(await elsewhere.queues(), [])
  await assert.rejects(elsewhere.queue('default'), { code: 'queue_not_found' })
  await assert.rejects(elsewhere.waiting(taskId), NOT_FOUND)
  assert.deepEqual((await elsewhere.stuckQueues()).stuck, [])
  assert.deepEqual(
    (await elsewhere.workers()).workers.map(({ workerId }) => workerId),
    ['worker-2'],
  )
  assert.deepEqual([await engine.get(taskId), await engine.history(taskId)], before)
})

test('a task is waited for in its namespace while another asks for it in vain', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await start(engine)
  const waits = [engine.wait(lease.taskId, 10), engine.in('elsewhere').wait(lease.taskId, 10)] as const
  await assert.rejects(waits[1], NOT_FOUND)
  await engine.settle([{ ...lease, outcome: 'succeeded' }])
  assert.equal((await waits[0]).status, 'succeeded')
})

test('of two workers of the same name one is told of its own cancel, and dies alone', async (t) => {
  const { engine, clock } = await startEngine(t)
  const other = engine.in('other')
  const told: string[] = []
  const sessionOf = (name: string) => ({ workerId: 'worker-1', onCancel: (id: string) => told.push(`${name} ${id}`) })
  const session = engine.openSession(sessionOf('default'))
  other.openSession(sessionOf('other'))
  const mine = await start(engine)
  const theirs = await start(other)
  await other.cancel(theirs.taskId)
  assert.deepEqual(told, [`other ${theirs.taskId}`])
  const leases = (await engine.workers()).workers.map(({ workerId, leases }) => [workerId, leases])
  assert.deepEqual(leases, [['worker-1', 1]])
  session.close()
  await clock.advance(6000)
  assert.deepEqual(await engine.heartbeat([mine]), ['lost'])
  assert.deepEqual(await other.heartbeat([theirs]), ['cancel'])
})

test('a worker that lets a lease run out stops waiting for more in its namespace alone', async (t) => {
  const { engine, clock } = await startEngine(t)
  const other = engine.in('other')
  const theirs = other.claim({ ...claimOf('worker-1'), queues: ['theirs'] }, 20)
  await engine.submit(TASK)
  await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 1 })
  const mine = engine.claim({ ...claimOf('worker-1'), queues: ['mine'] }, 20)
  await clock.advance(3000)
  assert.deepEqual(await mine, [])
  const { task } = await other.submit({ ...TASK, queue: 'theirs' })
  assert.equal((await theirs)[0]?.id, task.id)
})

test('news of a task is for its namespace', async (t) => {
  const news = createLocalNews()
  const { engine } = await startEngine(t, { news })
  const lease = await start(engine)
  const heard: string[] = []
  for (const namespace of ['default', 'elsewhere']) {
    news.subscribe({ of: 'task', namespace, taskId: lease.taskId }, ({ kind }) => heard.push(`${namespace} ${kind}`))
  }
  await engine.record([{ ...lease, log: 'line' }])
  assert.deepEqual(heard, ['default recorded'])
})

for (const name of ['', 'a b', '/', 'x'.repeat(129)]) {
  test(`what can be no namespace is refused: ${JSON.stringify(name).slice(0, 20)}`, async (t) => {
    const { engine } = await startEngine(t)
    assert.throws(() => engine.in(name), { code: 'invalid_request' })
  })
}

test('any number of namespaces may be asked for', async (t) => {
  const { engine } = await startEngine(t)
  const first = engine.in('tenant-0')
  const { task } = await first.submit(TASK)
  for (let i = 0; i < 3000; i++) engine.in(`tenant-${i}`)
  assert.equal((await engine.in('tenant-0').get(task.id)).id, task.id)
  assert.equal((await first.get(task.id)).id, task.id)
})

test('waits in many namespaces do not stand in line for each other', async (t) => {
  let [underWay, most] = [0, 0]
  const counting = (store: OpenedStore) =>
    wrapCalls(store, (call, run) => async (params) => {
      if (call === 'find') most = Math.max(most, ++underWay)
      try {
        return await run(params)
      } finally {
        if (call === 'find') underWay -= 1
      }
    })
  const { engine, clock } = await startEngine(t, {}, counting)
  const tenants = Array.from({ length: 100 }, (_, n) => engine.in(`tenant-${n}`))
  const ids = await Promise.all(tenants.map(async (tenant) => (await tenant.submit(TASK)).task.id))
  const waits = tenants.map((tenant, n) => tenant.wait(ids[n] as string, 2))
  await clock.advance(3000)
  for (const { status } of await Promise.all(waits)) assert.equal(status, 'queued')
  assert.ok(most > 1 && most <= 64, `${most} at a time`)
})

test('a namespace in which tasks cannot be read fails its own waits alone', async (t) => {
  const choking = (store: OpenedStore) =>
    wrapCalls(store, (call, run) => async (params) => {
      if (call === 'find' && (params as TaskIdsParams).namespace === 'bad') throw new Error('choked')
      return run(params)
    })
  const { engine, clock } = await startEngine(t, {}, choking)
  const bad = engine.in('bad')
  const [mine, theirs] = [(await engine.submit(TASK)).task.id, (await bad.submit(TASK)).task.id]
  const waits = Promise.allSettled([engine.wait(mine, 3), bad.wait(theirs, 3)])
  await clock.advance(4000)
  const [ofMine, ofTheirs] = await waits
  assert.equal(ofMine.status === 'fulfilled' && ofMine.value.status, 'queued')
  assert.equal(ofTheirs.status, 'rejected')
})
