import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createSimulatedClock } from '@taskyard/conformance'
import { SUSPECT_ALONE_MS, SUSPECT_CRASHES, SUSPECT_WAIT_MS } from '@taskyard/core'
import type { WorkerOptions } from '@taskyard/worker'
import { openTestBed, until, whenAborted } from './test-bed.ts'

const suspect = { crashes: SUSPECT_CRASHES }

/** Handlers that run until the test ends them, by task id. */
function openHeldTestBed(t: Parameters<typeof openTestBed>[0], options: WorkerOptions = {}) {
  const clock = createSimulatedClock()
  const running = new Map<string, () => void>()
  let most = 0
  const hold = (task: { id: string }, { signal }: { signal: AbortSignal }) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    running.set(task.id, resolve)
    most = Math.max(most, running.size)
    return Promise.race([promise, whenAborted(signal)]).finally(() => running.delete(task.id))
  }
  return { clock, running, most: () => most, ...openTestBed(t, { hold }, { clock, concurrency: 4, ...options }) }
}

test('a suspect starts when nothing else runs, and nothing starts beside it', async (t) => {
  const { api, worker, running } = openHeldTestBed(t)
  const [first, second] = [api.add('hold'), api.add('hold')]
  await until(() => running.size === 2)
  const alone = api.add('hold', null, suspect)
  await until(() => worker.stats.ready === 1)
  const later = api.add('hold')
  running.get(first)?.()
  await api.settled(1)
  assert.deepEqual([...running.keys()], [second])
  running.get(second)?.()
  await until(() => running.has(alone))
  assert.deepEqual([...running.keys()], [alone])
  assert.equal(api.tasks.get(later)?.state, 'queued')
  running.get(alone)?.()
  await until(() => running.has(later))
})

test('what was claimed before the suspect came is given back when it arrives after it', async (t) => {
  const { api, worker, running } = openHeldTestBed(t)
  const first = api.add('hold')
  await until(() => running.size === 1)
  const alone = api.add('hold', null, suspect)
  const beside = api.add('hold')
  await until(() => worker.stats.ready === 1)
  assert.deepEqual([...running.keys()], [first])
  const [given] = await api.settled(1)
  assert.deepEqual([given?.taskId, given?.outcome], [beside, 'released'])
  running.get(first)?.()
  await until(() => running.has(alone))
  assert.deepEqual([...running.keys()], [alone])
})

test('a suspect that has waited in vain starts beside the others, and the worker goes on', async (t) => {
  const { api, worker, running, clock } = openHeldTestBed(t)
  const first = api.add('hold')
  await until(() => running.size === 1)
  const alone = api.add('hold', null, { ...suspect, timeoutSeconds: 600 })
  await until(() => worker.stats.ready === 1)
  const later = api.add('hold')
  await clock.advance(SUSPECT_WAIT_MS - 1)
  assert.deepEqual([...running.keys()], [first])
  await clock.advance(1)
  await until(() => running.has(later))
  assert.deepEqual(new Set(running.keys()), new Set([first, alone, later]))
})

test('a suspect with little time waits for a small part of it', async (t) => {
  const { api, worker, running, clock } = openHeldTestBed(t)
  const first = api.add('hold')
  await until(() => running.size === 1)
  const alone = api.add('hold', null, { ...suspect, timeoutSeconds: 10 })
  await until(() => worker.stats.ready === 1)
  await clock.advance(999)
  assert.deepEqual([...running.keys()], [first])
  await clock.advance(1)
  await until(() => running.has(alone))
})

test('a suspect that runs for long no longer keeps the place to itself', async (t) => {
  const { api, running, clock } = openHeldTestBed(t)
  const alone = api.add('hold', null, suspect)
  await until(() => running.has(alone))
  const later = api.add('hold')
  await clock.advance(SUSPECT_ALONE_MS - 1)
  assert.deepEqual([...running.keys()], [alone])
  await clock.advance(1)
  await until(() => running.has(later))
})

test('a waiting suspect can be cancelled, lost, and given back by a stop', async (t) => {
  const { api, worker, running } = openHeldTestBed(t, { leaseSeconds: 1 })
  api.add('hold')
  await until(() => running.size === 1)
  const cancelled = api.add('hold', null, suspect)
  await until(() => worker.stats.ready === 1)
  api.onCancel(cancelled)
  assert.deepEqual((await api.settled(1)).at(-1)?.outcome, 'cancelled')
  const lost = api.add('hold', null, suspect)
  await until(() => worker.stats.ready === 1)
  api.end(lost)
  await until(() => worker.stats.ready === 0)
  const stopped = api.add('hold', null, suspect)
  await until(() => worker.stats.ready === 1)
  const gone = worker.stop({ deadlineSeconds: 0 })
  const outcomes = await api.settled(3)
  assert.deepEqual(new Set(outcomes.slice(1).map(({ outcome }) => outcome)), new Set(['released']))
  assert.ok(outcomes.some(({ taskId }) => taskId === stopped))
  await gone
})

test('a running suspect whose lease is lost keeps the place to itself until its handler ends', async (t) => {
  const clock = createSimulatedClock()
  const release = Promise.withResolvers<void>()
  const started: string[] = []
  const stubborn = (task: { id: string }) => {
    started.push(task.id)
    return release.promise
  }
  const { api, worker } = openTestBed(t, { stubborn, quick: () => 'done' }, { clock, leaseSeconds: 1 })
  const alone = api.add('stubborn', null, suspect)
  await until(() => started.length === 1)
  api.end(alone)
  await until(() => worker.stats.lost === 1)
  api.add('quick')
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  assert.equal(worker.stats.started, 1)
  release.resolve()
  assert.equal((await api.settled(1))[0]?.result, 'done')
})
