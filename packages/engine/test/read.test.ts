import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TaskEvent, toJsonText } from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('waiting for a task ends as soon as it has ended', async (t) => {
  const { engine } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const waiting = engine.wait(task.id, 60)
  const [leased] = await engine.claim(claimOf('worker-1'))
  await engine.settle([
    { taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'succeeded', result: toJsonText(42) },
  ])
  const { status, result } = await waiting
  assert.deepEqual({ status, result }, { status: 'succeeded', result: '42' })
})

test('waiting for a task that takes longer ends with the task as it is', async (t) => {
  const { engine, clock } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const waiting = engine.wait(task.id, 3)
  await clock.advance(3000)
  assert.equal((await waiting).status, 'queued')
})

test('watching tells every event once, in order, until the end', async (t) => {
  const { engine } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const kinds: TaskEvent['kind'][] = []
  const watching = (async () => {
    for await (const event of engine.watch(task.id, 0, new AbortController().signal)) kinds.push(event.kind)
  })()
  const [leased] = await engine.claim(claimOf('worker-1'))
  const lease = { taskId: task.id, token: leased?.lease.token ?? 0 }
  await engine.record([{ ...lease, progress: toJsonText(0.5) }])
  await engine.record([{ ...lease, log: 'half way' }])
  await engine.settle([{ ...lease, outcome: 'succeeded' }])
  await watching
  assert.deepEqual(kinds, ['submitted', 'started', 'progress', 'log', 'succeeded'])
})

test('watching resumes after the last event seen', async (t) => {
  const { engine } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  await engine.cancel(task.id)
  const numbers: number[] = []
  for await (const { n } of engine.watch(task.id, 1, new AbortController().signal)) numbers.push(n)
  assert.deepEqual(numbers, [2])
})

test('events are read for a watcher as it takes them, few at a time', async (t) => {
  const read: number[] = []
  const { engine } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async history(params) {
        const events = await store.reads.history(params)
        read.push(events?.length ?? 0)
        return events
      },
    },
  }))
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(claimOf('worker-1'))
  const lease = { taskId: task.id, token: leased?.lease.token ?? 0 }
  await engine.record(Array.from({ length: 300 }, (_, i) => ({ ...lease, log: `line ${i}` })))
  await engine.settle([{ ...lease, outcome: 'succeeded' }])
  const watched = engine.watch(task.id, 0, new AbortController().signal)[Symbol.asyncIterator]()
  await watched.next()
  assert.ok(Math.max(...read) <= 16 && read.length === 1, `read ${read}`)
  let seen = 1
  while (!(await watched.next()).done) seen += 1
  assert.equal(seen, 303)
})

test('tasks are read few at a time, however many are asked for', async (t) => {
  const gate = Promise.withResolvers<void>()
  let underWay = 0
  let most = 0
  const { engine } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async find(params) {
        most = Math.max(most, ++underWay)
        await gate.promise
        underWay--
        return store.reads.find(params)
      },
    },
  }))
  const { task } = await engine.submit(TASK)
  const asked = Array.from({ length: 100 }, () => engine.get(task.id))
  await new Promise(setImmediate)
  gate.resolve()
  assert.deepEqual(new Set((await Promise.all(asked)).map(({ id }) => id)), new Set([task.id]))
  assert.equal(most, 32)
})

test('throughput is what finished in the last minute', async (t) => {
  const { engine, clock } = await startEngine(t)
  await clock.advance(10_000)
  await engine.submitMany(Array.from({ length: 30 }, () => TASK))
  const leased = await engine.claim(claimOf('worker-1', 30))
  await engine.settle(leased.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome: 'succeeded' })))
  await clock.advance(20_000)
  assert.equal((await engine.queue('default')).throughput, 1)
  await clock.advance(120_000)
  assert.equal((await engine.queue('default')).throughput, 0)
})

test('a queue that never had a task is not found', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(engine.queue('nobody'), { code: 'queue_not_found', status: 404 })
})

test('namespaces that nobody uses any more are not counted in the background', async (t) => {
  let counted: string[] = []
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      counts(params) {
        counted.push(params.namespace)
        return store.reads.counts(params)
      },
    },
  }))
  for (let i = 0; i < 300; i++) await engine.in(`tenant-${i}`).queues()
  counted = []
  await clock.advance(5000)
  assert.ok(new Set(counted).size <= 102, `${new Set(counted).size} namespaces`)
  assert.ok(counted.includes('tenant-299'), 'those that were used last are')
  await clock.advance(3_700_000)
  counted = []
  await clock.advance(10_000)
  assert.deepEqual([...new Set(counted)], ['default'])
})

test('a namespace whose calls are kept at hand for hours is counted for as long as it is used, and no longer', async (t) => {
  const { engine, clock } = await startEngine(t)
  const tenant = engine.in('tenant')
  const namespaces = async () => new Set((await engine.queuesOfUsedNamespaces()).map(({ namespace }) => namespace))
  await tenant.submit({ type: 'test', payload: PAYLOAD })
  for (let minutes = 0; minutes < 120; minutes += 30) {
    await tenant.claim(claimOf('worker-1'))
    await clock.advance(30 * 60_000)
  }
  assert.ok((await namespaces()).has('tenant'))
  await clock.advance(61 * 60_000)
  assert.ok(!(await namespaces()).has('tenant'), 'to be counted is no use')
})
