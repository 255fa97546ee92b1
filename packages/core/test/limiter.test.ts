import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimiter } from '../src/limiter.ts'

const neverLate = { after: () => () => {} }

test('so many run at a time, the others in their order, whatever becomes of those before', async () => {
  const limited = createLimiter({ most: 2, clock: neverLate, what: 'reads' })
  const started: number[] = []
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<number>())
  const results = gates.map(({ promise }, n) =>
    limited(() => {
      started.push(n)
      return promise
    }),
  )
  assert.deepEqual(started, [0, 1])
  gates[1]?.reject(new Error('no'))
  await assert.rejects(results[1] as Promise<number>)
  assert.deepEqual(started, [0, 1, 2])
  gates[0]?.resolve(0)
  await results[0]
  assert.deepEqual(started, [0, 1, 2, 3])
  gates[2]?.resolve(2)
  gates[3]?.resolve(3)
  assert.deepEqual(await Promise.all([results[2], results[3]]), [2, 3])
  assert.equal(await limited(async () => 4), 4)
})

test('who waits for a turn for too long is refused, and keeps no place', async () => {
  const timers = new Set<() => void>()
  const after = (_: number, callback: () => void) => {
    timers.add(callback)
    return () => timers.delete(callback)
  }
  const limited = createLimiter({ most: 1, clock: { after }, what: 'reads' })
  const gate = Promise.withResolvers<number>()
  const first = limited(() => gate.promise)
  const late = limited(async () => assert.fail('it was refused'))
  for (const callback of timers) callback()
  await assert.rejects(late, { code: 'store_unavailable', message: /too many reads are under way/ })
  const third = limited(async () => 3)
  gate.resolve(1)
  assert.deepEqual(await Promise.all([first, third]), [1, 3])
  assert.equal(await limited(async () => 4), 4)
})
