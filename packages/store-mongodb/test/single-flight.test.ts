import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { createSingleFlight } from '../src/single-flight.ts'

test('what several need at the same time is done once', async () => {
  const singleFlight = createSingleFlight(createSimulatedClock())
  const runs: (readonly string[])[] = []
  const run = async (keys: readonly string[]) => void runs.push(keys)
  await Promise.all([
    singleFlight.each(['a', 'b'], run),
    singleFlight.each(['b', 'c'], run),
    singleFlight.each(['a'], run),
  ])
  assert.deepEqual(runs, [['a', 'b'], ['c']])
  await singleFlight.each(['a'], run)
  assert.deepEqual(runs.at(-1), ['a'], 'later it is done again')
})

test('what fails fails for all that wait for it, and is begun anew by the next', async () => {
  const singleFlight = createSingleFlight(createSimulatedClock())
  const failing = () => Promise.reject(new Error('broken'))
  const both = await Promise.allSettled([
    singleFlight.each(['a'], failing),
    singleFlight.each(['a', 'b'], async () => {}),
  ])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await singleFlight.each(['a'], async () => {})
})

test('what never ends holds nobody for ever', async () => {
  const clock = createSimulatedClock()
  const singleFlight = createSingleFlight(clock)
  const hanging = singleFlight.each(['a'], () => new Promise(() => {}))
  await Promise.all([assert.rejects(hanging, { code: 'store_unavailable' }), clock.advance(5_000)])
  await singleFlight.each(['a'], async () => {})
})
