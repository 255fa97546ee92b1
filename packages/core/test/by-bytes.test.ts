import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { untilBytes, withinBytes } from '@taskyard/core'
import fc from 'fast-check'

const sizes = fc.array(fc.nat({ max: 100 }))
const bounds = fc.integer({ min: 1, max: 500 })
const own = (size: number) => size
const sum = (some: readonly number[]) => some.reduce((total, size) => total + size, 0)

describe('items by their bytes', () => {
  it('within so many are as many of the first as fit, and at least one', () => {
    fc.assert(
      fc.property(sizes, bounds, (items, most) => {
        const some = withinBytes(items, most, own)
        assert.deepEqual(some, items.slice(0, some.length))
        assert.ok(some.length === Math.min(1, items.length) || sum(some) <= most)
        assert.ok(some.length === items.length || sum(items.slice(0, some.length + 1)) > most)
      }),
    )
  })

  it('until so many end with the one that reaches them', () => {
    fc.assert(
      fc.property(sizes, bounds, (items, enough) => {
        const some = untilBytes(items, enough, own)
        assert.deepEqual(some, items.slice(0, some.length))
        assert.ok(some.length === items.length || sum(some) >= enough)
        assert.ok(sum(some.slice(0, -1)) < enough)
      }),
    )
  })
})
