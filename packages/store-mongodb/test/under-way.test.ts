import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { createUnderWay } from '../src/under-way.ts'

test('what several need at the same time is done once', async () => {
  const underWay = createUnderWay(createSimulatedClock())
  const runs: (readonly string[])[] = []
  const run = async (keys: readonly string[]) => void runs.push(keys)
  await Promise.all([underWay.each(['a', 'b'], run), underWay.each(['b', 'c'], run), underWay.each(['a'], run)])
  assert.deepEqual(runs, [['a', 'b'], ['c']])
  await underWay.each(['a'], run)
  assert.deepEqual(runs.at(-1), ['a'], 'later it is done again')
})

test('what fails fails for all that wait for it, and is begun anew by the next', async () => {
  const underWay = createUnderWay(createSimulatedClock())
  const failing = () => Promise.reject(new Error('broken'))
  const both = await Promise.allSettled([underWay.each(['a'], failing), underWay.each(['a', 'b'], async () => {})])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await underWay.each(['a'], async () => {})
})

test('what never ends holds nobody for ever', async () => {
  const clock = createSimulatedClock()
  const underWay = createUnderWay(clock)
  const hanging = underWay.each(['a'], () => new Promise(() => {}))
  await Promise.all([assert.rejects(hanging, { code: 'store_unavailable' }), clock.advance(5_000)])
  await underWay.each(['a'], async () => {})
})
