import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskyardError } from '@taskyard/core'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { openTestBed, until, whenAborted } from './test-bed.ts'

test('stop gives back what has not started and waits for what runs', async (t) => {
  const release = Promise.withResolvers<string>()
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(
    t,
    {
      wait: () => {
        started.resolve()
        return release.promise
      },
    },
    { concurrency: 1, prefetch: 2 },
  )
  const ids = [api.add('wait'), api.add('wait'), api.add('wait')]
  await started.promise
  await until(() => worker.stats.ready === 2)
  const stopped = worker.stop()
  const given = await api.settled(2)
  assert.deepEqual(
    new Set(given.map(({ taskId, outcome }) => `${taskId} ${outcome}`)),
    new Set([`${ids[1]} released`, `${ids[2]} released`]),
  )
  release.resolve('done')
  await stopped
  assert.deepEqual(api.accepted.at(-1), { taskId: ids[0], token: 1, outcome: 'succeeded', result: 'done' })
  assert.equal(api.sessions, 0)
})

test('at the drain deadline handlers are aborted with shutting_down and released', async (t) => {
  let code: unknown
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    wait: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal).catch((error) => {
        code = error.code
      })
    },
  })
  api.add('wait')
  await started.promise
  await worker.stop({ deadlineSeconds: 0.05 })
  assert.equal(code, 'shutting_down')
  assert.deepEqual(
    api.accepted.map(({ outcome }) => outcome),
    ['released'],
  )
})

test('a handler that ignores its signal cannot keep the worker from stopping, nor settle afterwards', async (t) => {
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    wait: () => {
      started.resolve()
      return release.promise
    },
  })
  api.add('wait')
  await started.promise
  await worker.stop({ deadlineSeconds: 0 })
  release.resolve()
  await worker.closed
  assert.deepEqual(
    api.accepted.map(({ outcome }) => outcome),
    ['released'],
  )
})

for (const [what, when] of [
  ['before', 'running'],
  ['after', 'stopping'],
] as const) {
  test(`a handler that ignores a cancel from ${what} the stop is not waited for to the end of the drain`, async (t) => {
    const release = Promise.withResolvers<void>()
    t.after(() => release.resolve())
    const started = Promise.withResolvers<AbortSignal>()
    const { api, worker } = openTestBed(
      t,
      {
        wait: (_, { signal }) => {
          started.resolve(signal)
          return release.promise
        },
      },
      { drainSeconds: 600 },
    )
    const id = api.add('wait')
    const signal = await started.promise
    if (when === 'running') api.onCancel(id)
    const stopped = worker.stop()
    if (when === 'stopping') api.onCancel(id)
    assert.equal(signal.aborted, true)
    await stopped
    assert.deepEqual(
      api.accepted.map(({ outcome }) => outcome),
      ['cancelled'],
    )
  })
}

test('stop is idempotent, and a second call can bring the deadline forward', async (t) => {
  const started = Promise.withResolvers<void>()
  const { api, worker } = openTestBed(t, {
    wait: (_, { signal }) => {
      started.resolve()
      return whenAborted(signal)
    },
  })
  api.add('wait')
  await started.promise
  const slow = worker.stop({ deadlineSeconds: 3600 })
  await Promise.all([slow, worker.stop({ deadlineSeconds: 0 })])
  assert.equal(api.accepted[0]?.outcome, 'released')
})

test('stop ends during an outage and reports what could not be delivered', async () => {
  const api = new MemoryApi()
  const errors: string[] = []
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const wait = () => {
    started.resolve()
    return release.promise
  }
  const worker = startWorker(api, { wait }, { onError: (error, during) => errors.push(`${during}: ${error}`) })
  api.add('wait')
  await started.promise
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  release.resolve()
  await worker.stop()
  assert.ok(errors.some((line) => /1 outcomes could not be delivered/.test(line)))
})
