import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TaskyardError } from '@taskyard/core'
import { coalesce } from '../src/coalesce.ts'

/** Batches that end when they are told to, and a clock that stands. */
function testBed() {
  const clock = { now: 0 }
  const batches: { items: readonly number[]; end(): void }[] = []
  const add = coalesce<number, number>({
    clock: { now: () => clock.now, after: () => () => {} },
    maxItems: 100,
    weightOf: () => 1,
    maxWeight: 100,
    run: (items) => new Promise((resolve) => batches.push({ items, end: () => resolve(items) })),
  })
  return { clock, batches, add, turn: () => new Promise(setImmediate) }
}

describe('calls that share a batch', () => {
  it('are those of one turn, and those that come while a batch is under way', async () => {
    const { batches, add, turn } = testBed()
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
    const { clock, batches, add, turn } = testBed()
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
    const { clock, batches, add, turn } = testBed()
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

/** Every item alone succeeds but 13; a batch with 13 in it fails as a whole. */
function unlucky(failure: Error) {
  const batches: (readonly number[])[] = []
  const add = coalesce<number, number>({
    clock: { now: () => 0, after: () => () => {} },
    maxItems: 100,
    weightOf: (item) => item,
    maxWeight: 100,
    async run(items) {
      batches.push(items)
      if (items.includes(13)) throw failure
      return items
    },
  })
  return { batches, add }
}

describe('a batch that fails', () => {
  for (const failure of [new TypeError('bug'), new TaskyardError('internal', { reason: 'bug' })]) {
    it(`with ${failure.name} fails for the one item that is to blame`, async () => {
      const { add } = unlucky(failure)
      const outcomes = await Promise.allSettled([1, 2, 13, 3, 4, 5].map(add))
      assert.deepEqual(
        outcomes.map(({ status }) => status === 'fulfilled'),
        [true, true, false, true, true, true],
      )
      assert.equal((outcomes[2] as PromiseRejectedResult).reason, failure)
    })
  }

  it('as foreseen fails for all, and is not repeated', async () => {
    for (const code of ['store_unavailable', 'store_full'] as const) {
      const { batches, add } = unlucky(new TaskyardError(code, { reason: 'away' }))
      const outcomes = await Promise.allSettled([1, 13].map(add))
      assert.ok(outcomes.every(({ status }) => status === 'rejected'))
      assert.equal(batches.length, 1)
    }
  })

  it('of one item is not repeated', async () => {
    const { batches, add } = unlucky(new TypeError('bug'))
    await assert.rejects(add(13), TypeError)
    assert.equal(batches.length, 1)
  })
})

describe('the weight of a batch', () => {
  it('is bounded, but for one item that weighs more', async () => {
    const { batches, add } = unlucky(new TypeError('bug'))
    await Promise.all([60, 30, 20, 500, 80, 20].map(add))
    assert.deepEqual(batches, [[60, 30], [20], [500], [80, 20]])
  })
})
