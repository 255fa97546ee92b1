import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { WorkerOptions } from '@taskyard/worker'
import { openTestBed, until } from './test-bed.ts'

/** A worker whose `hang` never obeys, until the test lets it end. */
function openHangingTestBed(t: Parameters<typeof openTestBed>[0], options: WorkerOptions) {
  const clock = createSimulatedClock()
  const told: string[] = []
  const hanging: (() => void)[] = []
  const hang = () => new Promise<void>((resolve) => hanging.push(resolve))
  const onError = (error: unknown, during: string) => told.push(`${during}: ${(error as Error).message}`)
  return { clock, told, hanging, ...openTestBed(t, { hang, quick: () => 'done' }, { clock, onError, ...options }) }
}

test('a handler that goes on after its time-out gives its place back after the grace, and that is said', async (t) => {
  const { api, worker, clock, told, hanging } = openHangingTestBed(t, { concurrency: 1, abortGraceSeconds: 10 })
  const hung = api.add('hang', null, { timeoutSeconds: 60 })
  await until(() => hanging.length === 1)
  const quick = api.add('quick')
  await clock.advance(69_000)
  assert.deepEqual([worker.stats.running, worker.stats.abandoned, api.accepted.length], [1, 0, 0])
  await clock.advance(1000)
  const outcomes = await api.settled(2)
  assert.deepEqual(
    outcomes.map(({ taskId, outcome, error }) => [taskId, error?.code ?? outcome]),
    [
      [hung, 'timeout'],
      [quick, 'succeeded'],
    ],
  )
  assert.deepEqual([worker.stats.running, worker.stats.abandoned], [0, 1])
  assert.match(
    String(told[0]),
    new RegExp(`^handler: .*hang task ${hung} still runs 10 s after .*timeout.*1 of at most 1`),
  )
  hanging[0]?.()
  await until(() => worker.stats.abandoned === 0)
  assert.equal(worker.stats.running, 0)
})

test('a handler that goes on after a cancel or a lost lease gives its place back, too', async (t) => {
  const { api, worker, clock, hanging } = openHangingTestBed(t, {
    concurrency: 2,
    leaseSeconds: 1,
    abortGraceSeconds: 5,
  })
  const [cancelled, lost] = [api.add('hang'), api.add('hang')]
  await until(() => hanging.length === 2)
  api.onCancel(cancelled)
  api.end(lost)
  await until(() => worker.stats.lost === 1)
  await clock.advance(5000)
  await until(() => worker.stats.running === 0)
  assert.deepEqual(
    (await api.settled(1)).map(({ taskId, outcome }) => [taskId, outcome]),
    [[cancelled, 'cancelled']],
  )
  assert.equal(worker.stats.abandoned, 2)
})

test('over the bound a handler keeps its place until another has ended', async (t) => {
  const options = { concurrency: 2, maxAbandoned: 1, abortGraceSeconds: 1 }
  const { api, worker, clock, told, hanging } = openHangingTestBed(t, options)
  for (let n = 0; n < 2; n++) api.add('hang', null, { timeoutSeconds: 10 })
  await until(() => hanging.length === 2)
  await clock.advance(12_000)
  assert.deepEqual([worker.stats.running, worker.stats.abandoned], [1, 1])
  assert.ok(told.some((line) => /keeps its place: 1 like it/.test(line)))
  hanging[0]?.()
  await until(() => worker.stats.abandoned === 0)
  await clock.advance(1)
  assert.deepEqual([worker.stats.running, worker.stats.abandoned], [0, 1])
})

test('without a grace that ends a handler keeps its place', async (t) => {
  const { api, worker, clock, hanging } = openHangingTestBed(t, {
    concurrency: 1,
    abortGraceSeconds: Number.POSITIVE_INFINITY,
  })
  api.add('hang', null, { timeoutSeconds: 10 })
  await until(() => hanging.length === 1)
  await clock.advance(3_600_000)
  assert.deepEqual([worker.stats.running, worker.stats.abandoned], [1, 0])
  hanging[0]?.()
})
