import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { TaskContext } from '@taskyard/core'
import { whenAborted, yard } from './scene.ts'

test('no more handlers run at once than concurrency says', async (t) => {
  let running = 0
  let most = 0
  const { api } = yard(
    t,
    {
      busy: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
      },
    },
    { concurrency: 3, prefetch: 20 },
  )
  for (let n = 0; n < 200; n++) api.add('busy')
  await api.settled(200)
  assert.equal(most, 3)
})

test('thousands of fast tasks go in batches: far fewer calls than tasks', async (t) => {
  const { api, worker } = yard(t, { noop: () => null }, { concurrency: 100 })
  for (let n = 0; n < 20_000; n++) api.add('noop')
  await api.settled(20_000)
  assert.equal(new Set(api.accepted.map(({ taskId }) => taskId)).size, 20_000)
  assert.ok(api.calls.length < 2_000, `${api.calls.length} calls`)
  assert.equal(worker.stats.started, 20_000)
})

test('slow tasks are not hoarded: nothing is leased beyond concurrency', async (t) => {
  const { api, worker } = yard(t, { wait: (_, { signal }: TaskContext) => whenAborted(signal) }, { concurrency: 5 })
  for (let n = 0; n < 50; n++) api.add('wait')
  while (worker.stats.running < 5) await once(api.events, 'claim')
  assert.equal(worker.stats.ready, 0)
  assert.equal([...api.tasks.values()].filter(({ state }) => state === 'running').length, 5)
})

test('tasks leased ahead that cannot start for two seconds are given back', async (t) => {
  const clock = createSimulatedClock()
  const started = Promise.withResolvers<void>()
  let quick = 0
  const { api, worker } = yard(
    t,
    {
      quick: () => {
        if (++quick % 20 === 0) void clock.advance(1)
      },
      wait: (_, { signal }) => {
        started.resolve()
        return whenAborted(signal)
      },
    },
    { concurrency: 1, clock },
  )
  for (let n = 0; n < 4000; n++) api.add('quick')
  api.add('wait')
  for (let n = 0; n < 50; n++) api.add('quick')
  await started.promise
  await api.settled(4000)
  assert.ok(worker.stats.ready > 0)
  await clock.advance(2100)
  await api.settled(4001)
  assert.equal(worker.stats.ready, 0)
  assert.equal(worker.stats.running, 1)
  assert.equal(api.accepted.at(-1)?.outcome, 'released')
})
