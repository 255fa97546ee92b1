import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from '../src/turns.ts'

test('so many run at a time, the others in their order, whatever becomes of those before', async () => {
  const turns = createTurns(2)
  const started: number[] = []
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<number>())
  const results = gates.map(({ promise }, n) =>
    turns(() => {
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
  assert.equal(await turns(async () => 4), 4)
})
