import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { TaskyardError } from '@taskyard/core'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { openTestBed } from './test-bed.ts'

test('outcomes survive an outage and the worker claims again after it', async (t) => {
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const { api } = openTestBed(t, {
    wait: () => {
      started.resolve()
      return release.promise
    },
    after: () => 'after',
  })
  const first = api.add('wait')
  await started.promise
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  release.resolve()
  const second = api.add('after')
  for (let tries = 0; tries < 3; tries++) await once(api.events, 'refused settle')
  assert.equal(api.accepted.length, 0)
  api.outage = null
  const outcomes = await api.settled(2)
  assert.deepEqual(new Set(outcomes.map(({ taskId }) => taskId)), new Set([first, second]))
})

test('what was finished or running in an outage of a minute is settled within 2 s of its end, and nothing is aborted', async (t) => {
  const clock = createSimulatedClock()
  const gates = new Map<string, () => void>()
  let started = () => {}
  let aborted = 0
  const { api } = openTestBed(
    t,
    {
      wait: (task, { signal }) => {
        signal.addEventListener('abort', () => aborted++)
        const { promise, resolve } = Promise.withResolvers<void>()
        gates.set(task.id, resolve)
        started()
        return promise
      },
    },
    { clock, random: () => 1 },
  )
  const [finishing, running] = [api.add('wait'), api.add('wait')]
  while (gates.size < 2) {
    await new Promise<void>((resolve) => {
      started = resolve
    })
  }
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  const refused = once(api.events, 'refused settle')
  gates.get(finishing)?.()
  await refused
  await clock.advance(62_500)
  api.outage = null
  await clock.advance(2000)
  assert.equal((await api.settled(1))[0]?.taskId, finishing)
  gates.get(running)?.()
  assert.equal((await api.settled(2))[1]?.outcome, 'succeeded')
  assert.equal(aborted, 0)
})

test('a worker that waited for tasks takes the next one within 2 s of the end of an outage', async (t) => {
  const clock = createSimulatedClock()
  const { api } = openTestBed(t, { noop: () => null }, { clock, random: () => 1 })
  await once(api.events, 'claim')
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  const refused = once(api.events, 'refused claim')
  api.add('noop')
  await refused
  await clock.advance(62_500)
  api.outage = null
  await clock.advance(2000)
  assert.equal((await api.settled(1))[0]?.outcome, 'succeeded')
})

test('answers that make no sense and reports that throw do not end the worker', async (t) => {
  let claims = 0
  let settles = 0
  class Confused extends MemoryApi {
    override async claim(...call: Parameters<MemoryApi['claim']>) {
      return ++claims < 3 ? (undefined as never) : super.claim(...call)
    }
    override async settle(...call: Parameters<MemoryApi['settle']>) {
      return ++settles < 3 ? (null as never) : super.settle(...call)
    }
  }
  const api = new Confused()
  const onError = () => {
    throw new Error('no ear for it')
  }
  t.mock.method(console, 'warn', () => {})
  const worker = startWorker(api, { noop: () => null }, { onError, random: () => 0.01 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('noop')
  assert.equal((await api.settled(1))[0]?.outcome, 'succeeded')
})
