import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSimulatedClock, SIMULATED_START } from '@taskyard/conformance'

describe('simulated clock', () => {
  it('stands still until it is told to move', async () => {
    const clock = createSimulatedClock(1_000)
    assert.equal(clock.now(), 1_000)
    await clock.advance(250)
    assert.equal(clock.now(), 1_250)
    assert.equal(createSimulatedClock().now(), SIMULATED_START)
  })

  it('calls due timers back in the order of their times, each at its time', async () => {
    const clock = createSimulatedClock(0)
    const calls: [string, number][] = []
    for (const [name, delayMs] of [
      ['c', 30],
      ['a', 10],
      ['later', 41],
      ['b', 20],
      ['a2', 10],
    ] as const) {
      clock.after(delayMs, () => calls.push([name, clock.now()]))
    }
    await clock.advance(40)
    assert.deepEqual(calls, [
      ['a', 10],
      ['a2', 10],
      ['b', 20],
      ['c', 30],
    ])
  })

  it('fires timers that timers and their promises set, within the same move', async () => {
    const clock = createSimulatedClock(0)
    const calls: number[] = []
    const tick = async () => {
      calls.push(clock.now())
      await Promise.resolve()
      clock.after(10, tick)
    }
    clock.after(10, tick)
    await clock.advance(35)
    assert.deepEqual(calls, [10, 20, 30])
  })

  it('does not fire a timer that was called off, even by another timer of the same moment', async () => {
    const clock = createSimulatedClock(0)
    let fired = false
    const callOff: { second?: () => void } = {}
    clock.after(10, () => callOff.second?.())
    callOff.second = clock.after(10, () => {
      fired = true
    })
    await clock.advance(10)
    assert.equal(fired, false)
  })

  it('fires a timer without delay at the next move, of zero too', async () => {
    const clock = createSimulatedClock(5)
    let fired = 0
    clock.after(0, () => fired++)
    clock.after(-3, () => fired++)
    assert.equal(fired, 0)
    await clock.advance(0)
    assert.equal(fired, 2)
    assert.equal(clock.now(), 5)
  })
})
