import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('a task is deleted once it has ended, and then there is none', async (t) => {
  const { engine } = await startEngine(t)
  const { task } = await engine.submit({ ...TASK, idempotencyKey: 'k' })
  await assert.rejects(engine.delete(task.id), { code: 'not_deletable', status: 409 })
  await engine.cancel(task.id)
  await engine.delete(task.id)
  await assert.rejects(engine.delete(task.id), { code: 'task_not_found', status: 404 })
  await assert.rejects(engine.history(task.id), { code: 'task_not_found' })
  await assert.rejects(engine.submit({ ...TASK, idempotencyKey: 'k' }), { code: 'idempotent_task_gone' })
})

test('deleting by filter means ended tasks alone, and refuses the status of others', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submitMany(Array.from({ length: 450 }, () => TASK))
  for (const { id, lease } of await engine.claim(claimOf('worker-1', 10)))
    await engine.settle([{ taskId: id, token: lease.token, outcome: 'succeeded' }])
  assert.deepEqual(await engine.deleteMatching({ type: 'test' }, { dryRun: true }), { matched: 10, cursor: null })
  assert.deepEqual(await engine.deleteMatching({ type: 'test' }), { matched: 10, cursor: null })
  await engine.cancelMatching({ type: 'test' })
  assert.deepEqual(await engine.deleteMatching({ status: ['failed', 'cancelled'] }), { matched: 440, cursor: null })
  assert.deepEqual(await engine.deleteMatching({ type: 'test' }), { matched: 0, cursor: null })
  for (const filter of [{}, { status: 'queued' }, { status: ['failed', 'running'] }] as const)
    await assert.rejects(engine.deleteMatching(filter), { code: 'invalid_request' })
})

test('who waits for a task or watches it when it is deleted is told that there is none', async (t) => {
  const { engine, clock, store } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const waiting = assert.rejects(engine.wait(task.id, 60), { code: 'task_not_found' })
  const kinds: string[] = []
  const watching = assert.rejects(
    async () => {
      for await (const { kind } of engine.watch(task.id, 0, new AbortController().signal)) kinds.push(kind)
    },
    { code: 'task_not_found' },
  )
  await clock.advance(10)
  // By another server, whose word does not come.
  const params = { namespace: 'default', taskIds: [task.id] }
  await store.tasks.cancel(params)
  await store.tasks.delete(params)
  await clock.advance(20_000)
  await Promise.all([waiting, watching])
  assert.deepEqual(kinds, ['submitted'])
})

test('deleting by filter leaves what has come to another end since it was listed', async (t) => {
  const { engine } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async delete(params) {
        await store.tasks.retry({ namespace: params.namespace, taskIds: params.taskIds })
        const [leased] = await engine.claim(claimOf('worker-2'))
        await engine.settle([{ taskId: leased?.id ?? '', token: leased?.lease.token ?? 0, outcome: 'succeeded' }])
        return store.tasks.delete(params)
      },
    },
  }))
  const { task } = await engine.submit(TASK)
  await engine.cancel(task.id)
  assert.deepEqual(await engine.deleteMatching({ status: 'cancelled' }), { matched: 0, cursor: null })
  assert.equal((await engine.get(task.id)).status, 'succeeded')
})
