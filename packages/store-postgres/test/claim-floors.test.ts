import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClaimFloors } from '../src/operations/claim-floors.ts'

const SLOW_MS = 20
const place = (seq: number, rank = 0) => ({ lane: 1, rank, readyAt: 1000, seq })

describe('where a claim begins to look', () => {
  it('is the start, until something was claimed', () => {
    const floors = createClaimFloors(() => 0)
    assert.equal(floors.start().fromStart, true)
  })

  it('is the start while looking there is quick', () => {
    const floors = createClaimFloors(() => 0)
    floors.claimed([place(1)], true, 4)
    assert.equal(floors.start().fromStart, true)
    assert.equal(floors.isDue(), true)
  })

  it('is behind what was claimed, for each rank by itself, once it is slow', () => {
    const floors = createClaimFloors(() => 0)
    floors.claimed([place(1), place(2), place(9, -5)], true, SLOW_MS)
    const { values, fromStart } = floors.start()
    assert.equal(fromStart, false)
    assert.deepEqual(values, ['{1,1}', '{-5,0}', '{1000,1000}', '{9,2}'])
  })

  it('is the start again after a while, the rarer the dearer that is', () => {
    const clock = { now: 0 }
    const floors = createClaimFloors(() => clock.now)
    floors.claimed([place(1)], true, SLOW_MS)
    clock.now = 10 * SLOW_MS - 1
    assert.equal(floors.start().fromStart, false)
    assert.equal(floors.isDue(), false)
    clock.now = 10 * SLOW_MS
    assert.equal(floors.start().fromStart, true)
    assert.equal(floors.isDue(), true)
    floors.claimed([place(2)], true, 1)
    assert.equal(floors.start().fromStart, true)
  })

  it('is the start for a lane in which a task was put back', () => {
    const floors = createClaimFloors(() => 0)
    floors.claimed([place(1)], true, SLOW_MS)
    floors.forget(2)
    assert.equal(floors.start().fromStart, false)
    floors.forget(1)
    assert.equal(floors.start().fromStart, true)
  })
})
