import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClaimFloors } from '../src/operations/claim-floors.ts'

const place = (seq: number, rank = 0) => ({ lane: 1, rank, readyAt: 1000, seq })

describe('where a claim begins to look', () => {
  it('is the start, until something was claimed', () => {
    const floors = createClaimFloors(() => 0)
    assert.equal(floors.start().fromStart, true)
  })

  it('is behind what was claimed, for each rank by itself', () => {
    const clock = { now: 0 }
    const floors = createClaimFloors(() => clock.now)
    floors.claimed([place(1), place(2), place(9, -5)], true, 1)
    clock.now = 10
    const { values, fromStart } = floors.start()
    assert.equal(fromStart, false)
    assert.deepEqual(values, ['{1,1}', '{-5,0}', '{1000,1000}', '{9,2}'])
  })

  it('is the start again after a while, the rarer the dearer that is', () => {
    const clock = { now: 0 }
    const floors = createClaimFloors(() => clock.now)
    floors.claimed([place(1)], true, 1)
    clock.now = 49
    assert.equal(floors.start().fromStart, false)
    clock.now = 51
    assert.equal(floors.start().fromStart, true)
    floors.claimed([place(2)], true, 100)
    clock.now = 1000
    assert.equal(floors.start().fromStart, false)
    assert.equal(floors.mayLookAgain(), false)
    clock.now = 1100
    assert.equal(floors.start().fromStart, true)
    assert.equal(floors.mayLookAgain(), true)
  })

  it('is the start for a lane in which a task was put back', () => {
    const floors = createClaimFloors(() => 0)
    floors.claimed([place(1)], true, 1)
    floors.forget(2)
    assert.equal(floors.start().fromStart, false)
    floors.forget(1)
    assert.equal(floors.start().fromStart, true)
  })
})
