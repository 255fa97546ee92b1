import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { TaskContext } from '@taskyard/core'
import { TaskAborted } from '@taskyard/worker'
import { openTestBed, until, whenAborted } from './test-bed.ts'

test('a pushed cancel aborts the signal and settles as cancelled, even when the handler returns', async (t) => {
  const started = Promise.withResolvers<void>()
  let reason: unknown
  const { api } = openTestBed(t, {
    wait: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal).catch((error) => {
        reason = error
      })
      return 'half'
    },
  })
  const id = api.add('wait')
  await started.promise
  api.onCancel(id)
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'cancelled')
  assert.ok(reason instanceof TaskAborted && reason.code === 'cancelled')
})

test('a cancel of a prefetched task ends it before it starts', async (t) => {
  const started: string[] = []
  const { api, worker } = openTestBed(
    t,
    {
      wait: (task, { signal }) => {
        started.push(task.id)
        return whenAborted(signal)
      },
    },
    { concurrency: 1, prefetch: 1 },
  )
  const first = api.add('wait')
  const second = api.add('wait')
  await until(() => worker.stats.ready === 1)
  api.onCancel(second)
  const [outcome] = await api.settled(1)
  assert.deepEqual([outcome?.taskId, outcome?.outcome], [second, 'cancelled'])
  assert.deepEqual(started, [first])
})

test('a cancel request is heard by heartbeat too', async (t) => {
  const { api } = openTestBed(t, { wait: (_, { signal }) => whenAborted(signal) }, { leaseSeconds: 1 })
  const id = api.add('wait')
  await once(api.events, 'claim')
  const task = api.tasks.get(id)
  assert.ok(task)
  task.cancelRequested = true
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'cancelled')
})

test('an attempt over its time is aborted and fails as timeout, to be retried', async (t) => {
  let code: unknown
  const { api } = openTestBed(t, {
    wait: (_, { signal }) =>
      whenAborted(signal).catch((error) => {
        code = error.code
        throw error
      }),
  })
  api.add('wait', null, { timeoutSeconds: 0.2 })
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'failed')
  assert.equal(outcome?.error?.code, 'timeout')
  assert.equal(outcome?.retryable, true)
  assert.equal(code, 'timeout')
})

test('an earlier deadline behind a later one is met', async (t) => {
  const { api } = openTestBed(t, { wait: (_, { signal }) => whenAborted(signal) })
  api.add('wait', null, { timeoutSeconds: 600 })
  const short = api.add('wait', null, { timeoutSeconds: 0.1 })
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.taskId, short)
})

test('no attempt is over its time because the clock is set forward', async (t) => {
  const clock = createSimulatedClock()
  const { api, worker } = openTestBed(t, { wait: (_, { signal }) => whenAborted(signal) }, { clock })
  const long = api.add('wait', null, { timeoutSeconds: 600 })
  const short = api.add('wait', null, { timeoutSeconds: 20 })
  await until(() => worker.stats.running === 2)
  clock.set(3_600_000)
  await clock.advance(20_000)
  assert.deepEqual(
    (await api.settled(1)).map(({ taskId }) => taskId),
    [short],
  )
  await clock.advance(579_000)
  assert.equal(api.tasks.has(long) && worker.stats.running, 1)
})

test('a lost lease aborts the handler and nothing is settled under the dead token', async (t) => {
  const aborted = Promise.withResolvers<TaskContext['heartbeat']>()
  let starts = 0
  const { api, worker } = openTestBed(
    t,
    {
      wait: async (_, context) => {
        if (++starts > 1) return 'second'
        await whenAborted(context.signal).catch(() => aborted.resolve(context.heartbeat))
        return 'first'
      },
    },
    { leaseSeconds: 1 },
  )
  const id = api.add('wait')
  await once(api.events, 'claim')
  api.takeAway(id)
  assert.equal((await aborted.promise).state, 'lost')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.result, 'second')
  assert.equal(worker.stats.lost, 1)
  assert.deepEqual(api.heartbeatsRefused, [[{ taskId: id, token: 1 }]])
})
