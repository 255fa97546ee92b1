import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskHandler } from '@taskyard/core'
import { type AttemptEnd, WORKER_EVENTS, type WorkerEvent, type WorkerOptions } from '@taskyard/worker'
import { openTestBed, until, whenAborted } from './test-bed.ts'

function watched(t: { after(fn: () => Promise<void>): void }, handler: TaskHandler, options: WorkerOptions = {}) {
  const ends: (AttemptEnd & { became: WorkerEvent })[] = []
  const started = Promise.withResolvers<void>()
  const watchedHandler: TaskHandler = (task, context) => {
    started.resolve()
    return handler(task, context)
  }
  const { api, worker } = openTestBed(t, { job: watchedHandler }, options)
  for (const became of WORKER_EVENTS) worker.on(became, (end) => ends.push({ ...end, became }))
  const told = async (count: number) => {
    await until(() => ends.length >= count)
    const byToken = ends.toSorted((a, b) => a.task.lease.token - b.task.lease.token)
    return byToken.map(({ task, became, error, aborted }) => [task.id, became, error?.code ?? null, aborted])
  }
  return { api, started: started.promise, told }
}

test('a handler that returned what can be kept has succeeded', async (t) => {
  const { api, told } = watched(t, () => 1)
  const id = api.add('job')
  assert.deepEqual(await told(1), [[id, 'succeeded', null, null]])
})

for (const [what, result, code] of [
  ['has no JSON form', 1n, 'result_not_json'],
  ['is too large', 'x'.repeat(2_000_000), 'result_too_large'],
] as const) {
  test(`a handler that returned what ${what} has failed`, async (t) => {
    const { api, told } = watched(t, () => result)
    const id = api.add('job')
    assert.deepEqual(await told(1), [[id, 'failed', code, null]])
  })
}

test('a handler that returned after its cancel was cancelled', async (t) => {
  const { api, started, told } = watched(t, (_, { signal }) => whenAborted(signal).catch(() => 'half'))
  const id = api.add('job')
  await started
  api.onCancel(id)
  assert.deepEqual(await told(1), [[id, 'cancelled', null, 'cancelled']])
})

test('a handler that does not heed its time-out has failed with it', async (t) => {
  const { api, told } = watched(t, () => new Promise(() => {}), { abortGraceSeconds: 0 })
  const id = api.add('job', null, { timeoutSeconds: 0.1 })
  assert.deepEqual((await told(1))[0], [id, 'retry-scheduled', 'timeout', 'timeout'])
})

test('a result that came after the lease was taken away is lost', async (t) => {
  const { promise: taken, resolve: take } = Promise.withResolvers<void>()
  let attempts = 0
  const { api, started, told } = watched(t, async () => {
    if (++attempts === 1) await taken
    return attempts
  })
  const id = api.add('job')
  await started
  api.takeAway(id)
  take()
  assert.deepEqual(await told(2), [
    [id, 'lost', null, null],
    [id, 'succeeded', null, null],
  ])
})

test('a lease that is lost under a running handler ends its attempt, once', async (t) => {
  let attempts = 0
  const handler: TaskHandler = (_, { signal }) =>
    ++attempts === 1 ? whenAborted(signal).catch(() => 'late') : 'in time'
  const { api, started, told } = watched(t, handler, { leaseSeconds: 1 })
  const id = api.add('job')
  await started
  api.takeAway(id)
  assert.deepEqual(await told(2), [
    [id, 'lost', null, 'lease_lost'],
    [id, 'succeeded', null, null],
  ])
})
