import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TaskEvent, toJsonText } from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine } from './scene.ts'

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

test('a task that has ended cannot be cancelled, one that has not failed cannot be retried', async (t) => {
  const { engine } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  await assert.rejects(engine.retry(task.id), { code: 'not_retryable', status: 409 })
  assert.equal((await engine.cancel(task.id)).status, 'cancelled')
  await assert.rejects(engine.cancel(task.id), { code: 'not_cancellable', status: 409 })
  assert.equal((await engine.retry(task.id)).status, 'queued')
})

test('an unknown task is not found, whatever is asked of it', async (t) => {
  const { engine } = await startEngine(t)
  const id = '01900000-0000-7000-8000-000000000000'
  const asked = [engine.get(id), engine.cancel(id), engine.retry(id), engine.wait(id, 1), engine.history(id)]
  await Promise.all(asked.map((ask) => assert.rejects(ask, { code: 'task_not_found', status: 404 })))
})

test('cancelling by filter ends what matches and nothing else, over many pages', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany(Array.from({ length: 450 }, () => ({ ...TASK, queue: 'mail' })))
  const { task: other } = await engine.submit(TASK)
  assert.deepEqual(await engine.cancelMatching({ queue: 'mail' }), { matched: 450, cursor: null })
  assert.equal((await engine.get(other.id)).status, 'queued')
})

test('redriving by filter makes dead letters ready again', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany([
    { ...TASK, tags: ['a'] },
    { ...TASK, tags: ['b'] },
  ])
  const leased = await engine.claim(claimOf('worker-1', 2))
  const outcome = 'failed' as const
  await engine.settle(leased.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome, retryable: false })))
  assert.equal((await engine.retryMatching({ tag: 'a' })).matched, 1)
  const [again] = await engine.claim(claimOf('worker-1', 2))
  assert.deepEqual([again?.tags, again?.attempt], [['a'], 1])
})

test('a bulk operation without a filter is refused', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(engine.cancelMatching({}), { code: 'invalid_request' })
  await assert.rejects(engine.retryMatching({ namespace: 'default' }), { code: 'invalid_request' })
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

test('namespaces that nobody asks for any more are not counted in the background', async (t) => {
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
  for (let i = 0; i < 300; i++) await engine.queues(`tenant-${i}`)
  counted = []
  await clock.advance(5000)
  assert.ok(new Set(counted).size <= 102, `${new Set(counted).size} namespaces`)
  await clock.advance(70_000)
  counted = []
  await clock.advance(10_000)
  assert.deepEqual([...new Set(counted)], ['default'])
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

test('cancelling by filter reaches tasks that change their state meanwhile', async (t) => {
  let lists = 0
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    // Between two looks of the walk each task goes on to its next state, behind it.
    reads: {
      ...store.reads,
      async list(params) {
        const page = await store.reads.list(params)
        lists += 1
        if (lists < 12) await goOn()
        return page
      },
    },
  }))
  let leased: readonly { readonly id: string; readonly lease: { readonly token: number } }[] = []
  async function failAll() {
    if (leased.length === 0) return
    await engine.settle(leased.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome: 'failed' as const })))
    leased = []
  }
  async function goOn() {
    await failAll()
    await clock.advance(100)
    leased = await engine.claim(claimOf('worker-1', 7))
  }
  const backoff = { kind: 'fixed', baseSeconds: 0.05 } as const
  await engine.submitMany(Array.from({ length: 20 }, () => ({ ...TASK, maxAttempts: 1000, backoff })))
  await goOn()
  const { matched } = await engine.cancelMatching({ queue: 'default' })
  await failAll()
  assert.equal(matched, 20)
  const { queued, scheduled, running, cancelled } = (await engine.queue('default')).counts
  assert.deepEqual({ queued, scheduled, running, cancelled }, { queued: 0, scheduled: 0, running: 0, cancelled: 20 })
})

test('cancelling by filter meets a task that keeps one state ahead of it', async (t) => {
  const { engine, clock, store } = await startEngine(t, {}, (inner) => ({
    ...inner,
    reads: {
      ...inner.reads,
      async list(params) {
        const page = await inner.reads.list(params)
        if (params.status !== null && params.status !== 'blocked') await goOn()
        return page
      },
    },
  }))
  const backoff = { kind: 'fixed', baseSeconds: 0.05 } as const
  const { task } = await engine.submit({ ...TASK, maxAttempts: 1000, backoff })
  async function goOn() {
    const [now] = await store.reads.find({ taskIds: [task.id] })
    if (now?.status === 'scheduled') await clock.advance(100)
    if (now?.status === 'queued') token = (await engine.claim(claimOf('worker-1')))[0]?.lease.token ?? 0
    if (now?.status === 'running') await engine.settle([{ taskId: task.id, token, outcome: 'failed' }])
  }
  let token = 0
  assert.equal((await engine.cancelMatching({ queue: 'default' })).matched, 1)
})

test('cancelling by filter counts once what is started while it is looked at', async (t) => {
  const { engine } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async list(params) {
        const page = await store.reads.list(params)
        if (params.status === 'queued') await engine.claim(claimOf('worker-1', 2))
        return page
      },
    },
  }))
  await engine.submitMany(Array.from({ length: 5 }, () => TASK))
  assert.deepEqual(await engine.cancelMatching({ type: 'test' }), { matched: 5, cursor: null })
})

test('cancelling by filter does not count what was asked to stop before', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany([TASK, TASK, TASK])
  const [leased] = await engine.claim(claimOf('worker-1'))
  await engine.cancel(leased?.id ?? '')
  assert.deepEqual(await engine.cancelMatching({ type: 'test' }), { matched: 2, cursor: null })
})

test('cancelling by filter leaves alone what is submitted meanwhile', async (t) => {
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async list(params) {
        const page = await store.reads.list(params)
        await clock.advance(2000)
        await engine.submit(TASK)
        return page
      },
    },
  }))
  await engine.submit(TASK)
  assert.equal((await engine.cancelMatching({ queue: 'default' })).cursor, null)
  // The one that was there, and the one that came while the store was asked how late it is.
  assert.equal((await engine.queue('default')).counts.cancelled, 2)
})

test('an operation by filter leaves off in time, and goes on where it left off', async (t) => {
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async cancel(params) {
        await clock.advance(8000)
        return store.tasks.cancel(params)
      },
    },
  }))
  await engine.submitMany(Array.from({ length: 900 }, () => TASK))
  const filter = { type: 'test' }
  const first = await engine.cancelMatching(filter, { seconds: 20 })
  assert.deepEqual([first.matched, typeof first.cursor], [600, 'string'])
  const rest = await engine.cancelMatching(filter, { seconds: 20, cursor: first.cursor as string })
  assert.deepEqual(rest, { matched: 300, cursor: null })
})

test('a cursor that no operation by filter has given is refused', async (t) => {
  const { engine } = await startEngine(t)
  for (const cursor of ['', 'x', 'W10', Buffer.from('[1,9,null,0,0,true]').toString('base64url')]) {
    await assert.rejects(engine.cancelMatching({ type: 'test' }, { cursor }), { code: 'invalid_request' })
  }
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
