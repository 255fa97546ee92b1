import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonText, OpenedStore } from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

test('submissions that arrive together share one store call', async (t) => {
  let calls = 0
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      enqueue(params) {
        calls += 1
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, counting)
  const submitted = await Promise.all(
    Array.from({ length: 100 }, () => engine.submit({ type: 'test', payload: PAYLOAD })),
  )
  assert.equal(new Set(submitted.map(({ task }) => task.id)).size, 100)
  assert.ok(calls <= 4, `${calls} calls`)
})

test('a submission on which the store chokes fails alone', async (t) => {
  const choking = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue(params) {
        if (params.submissions.some(({ tasks }) => tasks.some(({ type }) => type === 'bad'))) throw new Error('choked')
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, choking)
  const good = Array.from({ length: 40 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  const bad = assert.rejects(engine.submit({ type: 'bad', payload: PAYLOAD }), /choked/)
  good.push(engine.submit({ type: 'test', payload: PAYLOAD }))
  assert.equal(new Set((await Promise.all(good)).map(({ task }) => task.id)).size, 41)
  await bad
})

test('large submissions that arrive together are shared out over several calls', async (t) => {
  const sizes: number[] = []
  const weighing = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      enqueue(params) {
        sizes.push(params.submissions.reduce((sum, { tasks }) => sum + (tasks[0]?.payload.length ?? 0), 0))
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, weighing)
  const payload = `"${'x'.repeat(1_000_000)}"` as JsonText
  await Promise.all(Array.from({ length: 40 }, () => engine.submit({ type: 'test', payload })))
  assert.ok(Math.max(...sizes) <= 4 * 1024 * 1024, `${Math.max(...sizes)} bytes in one call`)
})

test('a repeated batch is answered without its tasks being read', async (t) => {
  const finds: number[] = []
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    reads: {
      ...store.reads,
      find(params) {
        finds.push(params.taskIds.length)
        return store.reads.find(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, counting)
  const batch = Array.from({ length: 50 }, (_, i) => ({ type: 'test', payload: PAYLOAD, idempotencyKey: `k${i}` }))
  const first = await engine.submitMany(batch)
  await engine.claim(claimOf('worker-1'))
  const again = await engine.submitMany(batch)
  assert.deepEqual(
    again.map(({ id, status, replayed }) => [id, status, replayed]),
    first.map(({ id }, i) => [id, i === 0 ? 'running' : 'queued', true]),
  )
  assert.deepEqual(finds, [])
})

test('a submission without a key does not wait for those with one', async (t) => {
  const turn = Promise.withResolvers<void>()
  const slow = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue(params) {
        const hasKeys = params.submissions.some(({ tasks }) => tasks.some(({ idempotency }) => idempotency !== null))
        if (hasKeys) await turn.promise
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, slow)
  const keyed = Array.from({ length: 100 }, (_, n) =>
    engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: `k${n}` }),
  )
  const plain = Array.from({ length: 100 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  assert.equal((await Promise.all(plain)).length, 100)
  turn.resolve()
  await Promise.all(keyed)
})

test('one conflicting submission among many is refused alone', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: 'k' })
  const others = Array.from({ length: 5 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  const conflict = engine.submit({ type: 'other', payload: PAYLOAD, idempotencyKey: 'k' })
  await assert.rejects(conflict, { code: 'idempotency_conflict', status: 422 })
  assert.equal((await Promise.all(others)).length, 5)
})
test('a submission for which the store finds no room is refused alone, and told what to do', async (t) => {
  const reason = 'out of shared memory; raise max_locks_per_transaction'
  const { engine, store } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue({ submissions, ...params }) {
        const [, ...others] = submissions
        return [{ kind: 'no-room', reason }, ...(await store.tasks.enqueue({ submissions: others, ...params }))]
      },
    },
  }))
  const [refused, ...others] = Array.from({ length: 3 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(refused as Promise<unknown>, {
    code: 'store_unavailable',
    status: 503,
    retryable: true,
    message: `The store cannot serve: ${reason}`,
  })
  await Promise.all(others)
  assert.equal((await store.reads.counts({ namespace: 'default', queue: null }))[0]?.counts.queued, 2)
})
