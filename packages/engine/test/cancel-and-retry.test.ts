import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BulkPart, ListRequest } from '@taskyard/engine'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

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

test('redriving by filter leaves what was cancelled since it was listed', async (t) => {
  const { engine } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async retry(params) {
        const those = { namespace: params.namespace, taskIds: params.taskIds }
        await store.tasks.retry(those)
        await store.tasks.cancel(those)
        return store.tasks.retry(params)
      },
    },
  }))
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(claimOf('worker-1'))
  await engine.settle([{ taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'failed', retryable: false }])
  assert.deepEqual(await engine.retryMatching({ type: 'test' }), { matched: 0, cursor: null })
  assert.equal((await engine.get(task.id)).status, 'cancelled')
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
  await assert.rejects(engine.retryMatching({}), { code: 'invalid_request' })
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
        if (params.statuses !== null && !params.statuses.includes('blocked')) await goOn()
        return page
      },
    },
  }))
  const backoff = { kind: 'fixed', baseSeconds: 0.05 } as const
  const { task } = await engine.submit({ ...TASK, maxAttempts: 1000, backoff })
  async function goOn() {
    const [now] = await store.reads.find({ namespace: 'default', taskIds: [task.id] })
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
        if (params.statuses?.includes('queued')) await engine.claim(claimOf('worker-1', 2))
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
  const goOn = { seconds: 20, cursor: first.cursor as string }
  const refused = { code: 'invalid_request', message: /of the same operation with the same filter/ }
  for (const other of [
    () => engine.cancelMatching({ type: 'other' }, goOn),
    () => engine.cancelMatching(filter, { ...goOn, dryRun: true }),
    () => engine.in('other').cancelMatching(filter, goOn),
    () => engine.retryMatching(filter, goOn),
    () => engine.deleteMatching(filter, goOn),
  ])
    await assert.rejects(other(), refused)
  assert.deepEqual(await engine.cancelMatching(filter, goOn), { matched: 300, cursor: null })
})

test('a cursor that no operation by filter has given is refused', async (t) => {
  const { engine } = await startEngine(t)
  for (const cursor of ['', 'x', 'W10', Buffer.from('[1,9,null,0,0,true]').toString('base64url')]) {
    await assert.rejects(engine.cancelMatching({ type: 'test' }, { cursor }), { code: 'invalid_request' })
  }
})

const FAILURE = { outcome: 'failed', retryable: false } as const

test('a filter may name several statuses, and the code of the last error', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany(Array.from({ length: 6 }, () => TASK))
  const [one, other] = await engine.claim(claimOf('worker-1', 2))
  await engine.settle([
    { taskId: one?.id ?? '', token: one?.lease.token ?? 0, ...FAILURE, error: { code: 'timeout', message: '' } },
    { taskId: other?.id ?? '', token: other?.lease.token ?? 0, ...FAILURE, error: { code: 'broken', message: '' } },
  ])
  const list = async (filter: ListRequest) => (await engine.list(filter)).items.map(({ id }) => id)
  assert.deepEqual(await list({ errorCode: 'timeout' }), [one?.id])
  assert.deepEqual(await list({ status: ['failed', 'cancelled'] }), [other?.id, one?.id])
  assert.equal((await list({ status: ['failed', 'queued'] })).length, 6)
  assert.equal((await engine.retryMatching({ errorCode: 'timeout' })).matched, 1)
  assert.equal((await engine.cancelMatching({ status: ['failed', 'queued'] })).matched, 5)
  assert.equal((await engine.cancelMatching({ status: ['failed', 'cancelled'] })).matched, 0)
  assert.equal((await engine.retryMatching({ status: ['failed', 'cancelled', 'queued'] })).matched, 6)
})

test('a dry run counts what would be changed, and changes nothing', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany(Array.from({ length: 450 }, () => TASK))
  const [one] = await engine.claim(claimOf('worker-1', 2))
  await engine.cancel(one?.id ?? '')
  const filter = { queue: 'default' }
  const before = (await engine.queue('default')).counts
  assert.deepEqual(await engine.cancelMatching(filter, { dryRun: true }), { matched: 449, cursor: null })
  assert.deepEqual(await engine.retryMatching(filter, { dryRun: true }), { matched: 0, cursor: null })
  assert.deepEqual((await engine.queue('default')).counts, before)
  assert.deepEqual(await engine.cancelMatching(filter), { matched: 449, cursor: null })
  const cancelled = { ...filter, status: 'cancelled' } as const
  assert.deepEqual(await engine.retryMatching(cancelled, { dryRun: true }), { matched: 448, cursor: null })
  assert.deepEqual(await engine.retryMatching(cancelled), { matched: 448, cursor: null })
})

test('a dry run keeps to the time of a call too, and goes on by its cursor', async (t) => {
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      async list(params) {
        const page = await store.reads.list(params)
        await clock.advance(15_000)
        return page
      },
    },
  }))
  await engine.submitMany(Array.from({ length: 500 }, () => TASK))
  const options = { dryRun: true, seconds: 20 }
  const first = await engine.cancelMatching({ type: 'test' }, options)
  assert.ok(first.cursor !== null && first.matched < 500)
  let { matched, cursor } = first as { matched: number; cursor: string | null }
  while (cursor !== null) {
    const part: BulkPart = await engine.cancelMatching({ type: 'test' }, { ...options, cursor })
    matched += part.matched
    cursor = part.cursor
  }
  assert.equal(matched, 500)
  assert.equal((await engine.queue('default')).counts.queued, 500)
})
