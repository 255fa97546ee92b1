import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { coalesce } from '../src/coalesce.ts'

/** Batches that end when they are told to, and a clock that stands. */
function scene() {
  const clock = { now: 0 }
  const batches: { items: readonly number[]; end(): void }[] = []
  const add = coalesce<number, number>({
    clock: { now: () => clock.now, after: () => () => {} },
    maxItems: 100,
    run: (items) => new Promise((resolve) => batches.push({ items, end: () => resolve(items) })),
  })
  return { clock, batches, add, turn: () => new Promise(setImmediate) }
}

describe('calls that share a batch', () => {
  it('are those of one turn, and those that come while a batch is under way', async () => {
    const { batches, add, turn } = scene()
    const calls = [add(1), add(2)]
    await turn()
    calls.push(add(3), add(4))
    await turn()
    assert.deepEqual(
      batches.map(({ items }) => items),
      [[1, 2]],
    )
    batches[0]?.end()
    await turn()
    batches[1]?.end()
    assert.deepEqual(await Promise.all(calls), [1, 2, 3, 4])
    assert.equal(batches.length, 2)
  })

  it('do not wait for a small batch that is held up', async () => {
    const { clock, batches, add, turn } = scene()
    const first = add(1)
    await turn()
    clock.now = 10
    const second = add(2)
    await turn()
    assert.equal(batches.length, 2)
    batches[1]?.end()
    assert.equal(await second, 2)
    batches[0]?.end()
    assert.equal(await first, 1)
  })

  it('wait for a large one, however long it takes', async () => {
    const { clock, batches, add, turn } = scene()
    const calls = Array.from({ length: 10 }, (_, n) => add(n))
    await turn()
    clock.now = 10
    calls.push(add(10))
    await turn()
    assert.equal(batches.length, 1)
    batches[0]?.end()
    await turn()
    batches[1]?.end()
    assert.equal((await Promise.all(calls)).length, 11)
  })
})
