import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskFailure } from '@taskyard/core'
import type { WorkerEvent } from '@taskyard/worker'
import { openTestBed, until, whenAborted } from './test-bed.ts'

const EVENTS = ['succeeded', 'failed', 'retry-scheduled', 'cancelled', 'released', 'lost'] as const

test('a worker tells what became of each attempt by its name in the history', async (t) => {
  const told: unknown[] = []
  const { api, worker } = openTestBed(t, {
    fine: () => ({ n: 1 }),
    silent: () => undefined,
    broken: () => {
      throw new TaskFailure('no', { code: 'no', retryable: false })
    },
    flaky: () => {
      throw new Error('not yet')
    },
    slow: (_, { signal }) => whenAborted(signal).catch(() => 'half'),
  })
  for (const event of EVENTS) worker.on(event, (end) => told.push([event, end.task.type, end.error?.code ?? null]))
  const results: unknown[] = []
  worker.on('succeeded', ({ result }) => results.push(result))
  for (const [type, event, code] of [
    ['fine', 'succeeded', null],
    ['silent', 'succeeded', null],
    ['broken', 'failed', 'no'],
    ['flaky', 'retry-scheduled', 'error'],
  ] as const) {
    api.add(type)
    await until(() => told.length > 0)
    assert.deepEqual(told.splice(0), [[event, type, code]])
  }
  assert.deepEqual(results, [{ n: 1 }, null])
})

test('the failure of the last attempt is that of the task', async (t) => {
  const told: WorkerEvent[] = []
  const { api, worker } = openTestBed(t, {
    flaky: () => {
      throw new Error('not yet')
    },
  })
  for (const event of EVENTS) worker.on(event, () => told.push(event))
  api.add('flaky', null, { maxAttempts: 1 })
  await until(() => told.length > 0)
  assert.deepEqual(told, ['failed'])
})

test('what was cancelled is told as such, whatever its handler did', async (t) => {
  const told: WorkerEvent[] = []
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    slow: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal)
    },
  })
  for (const event of EVENTS) worker.on(event, () => told.push(event))
  const id = api.add('slow')
  await started.promise
  api.onCancel(id)
  await until(() => told.length > 0)
  assert.deepEqual(told, ['cancelled'])
})

test('what is under way when the worker stops is told before it has stopped', async (t) => {
  const told: WorkerEvent[] = []
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    slow: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal)
    },
  })
  worker.on('released', () => told.push('released'))
  api.add('slow')
  await started.promise
  await worker.stop({ deadlineSeconds: 0 })
  assert.deepEqual(told, ['released'])
})

test('a listener that throws or rejects reaches onError, and harms neither the worker nor other listeners', async (t) => {
  const errors: unknown[] = []
  const onError = (error: unknown, during: string) => errors.push([(error as Error).message, during])
  let told = 0
  const { api, worker } = openTestBed(t, { fine: () => 1 }, { onError })
  worker
    .on('succeeded', () => {
      throw new Error('thrown')
    })
    .on('succeeded', () => Promise.reject(new Error('rejected')))
    .on('succeeded', () => told++)
  api.add('fine')
  api.add('fine')
  await until(() => told === 2 && errors.length === 4)
  assert.deepEqual(
    errors.toSorted().map((error) => (error as unknown[])[0]),
    ['rejected', 'rejected', 'thrown', 'thrown'],
  )
  assert.equal((errors[0] as unknown[])[1], 'a listener of succeeded')
  assert.equal(worker.stats.succeeded, 2)
})

test('a listener that was taken off is told nothing more', async (t) => {
  let before = 0
  let after = 0
  const { api, worker } = openTestBed(t, { fine: () => 1 })
  const listener = () => before++
  worker.on('succeeded', listener).off('succeeded', listener)
  worker.on('succeeded', () => after++)
  api.add('fine')
  await until(() => after === 1)
  assert.equal(before, 0)
})

test('what is no event is refused', async (t) => {
  const { worker } = openTestBed(t, { fine: () => 1 })
  const refused = { code: 'invalid_request', message: /"completed" is no event; there are succeeded, failed/ }
  assert.throws(() => worker.on('completed' as 'succeeded', () => {}), refused)
  assert.throws(() => worker.on('failed', null as never), { message: /listener of failed is not a function/ })
})

test('the server decides: a cancel request that has not come here makes of a failure a cancelled task', async (t) => {
  const told: unknown[] = []
  const started = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    slow: async () => {
      started.resolve()
      await end.promise
      throw new Error('not yet')
    },
  })
  for (const event of EVENTS) worker.on(event, ({ taskStatus }) => told.push([event, taskStatus]))
  const id = api.add('slow')
  await started.promise
  api.requestCancel(id)
  end.resolve()
  await until(() => told.length > 0)
  assert.deepEqual(told, [['cancelled', 'cancelled']])
})

test('a failure that is tried again tells when', async (t) => {
  const told: unknown[] = []
  const { api, worker } = openTestBed(t, {
    flaky: () => {
      throw new Error('not yet')
    },
  })
  worker.on('retry-scheduled', ({ taskStatus, runAt }) => told.push([taskStatus, runAt]))
  api.add('flaky')
  await until(() => told.length > 0)
  assert.deepEqual(told, [['scheduled', '2026-01-01T00:00:00.000Z']])
})

test('an onError that throws or rejects harms nobody either', async (t) => {
  for (const onError of [
    () => {
      throw new Error('onError throws')
    },
    () => Promise.reject(new Error('onError rejects')),
  ]) {
    const warn = t.mock.method(console, 'warn', () => {})
    const { api, worker } = openTestBed(t, { fine: () => 1 }, { onError })
    worker.on('succeeded', () => Promise.reject(null))
    api.add('fine')
    await until(() => warn.mock.callCount() === 1)
    assert.match(
      String(warn.mock.calls[0]?.arguments[0]),
      /onError, told of trouble during a listener of succeeded: onError/,
    )
    warn.mock.restore()
  }
})
