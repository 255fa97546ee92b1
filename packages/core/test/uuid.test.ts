import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import fc from 'fast-check'

/** RFC 9562 §4 and §5.7: version 7, variant 10, lower case. */
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('UUIDv7 generator', () => {
  it('gives valid ids that strictly rise, however the clock moves', () => {
    const steps = fc.array(fc.integer({ min: -100_000, max: 100_000 }), { minLength: 2, maxLength: 300 })
    fc.assert(
      fc.property(steps, (moves) => {
        const clock = movableClock(1_800_000_000_000)
        const nextId = createUuidV7Generator(clock)
        const ids = moves.map((ms) => {
          clock.move(ms)
          return nextId()
        })
        for (const id of ids) assert.match(id, UUID_V7)
        assertRising(ids)
      }),
    )
  })

  it('goes on rising when a standing clock has used up the counter of a millisecond', () => {
    const nextId = createUuidV7Generator(movableClock(1_800_000_000_000))
    const ids = Array.from({ length: 20_000 }, nextId)
    assertRising(ids)
    assert.ok(ids.every((id) => UUID_V7.test(id)))
  })

  it('begins with the time of the clock in milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 48 - 1 }), (time) => {
        const id = createUuidV7Generator(movableClock(time))()
        assert.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), time)
      }),
    )
  })

  it('gives different ids in two processes at the same time', () => {
    const clock = movableClock(1_800_000_000_000)
    const ids = Array.from({ length: 1_000 }, () => createUuidV7Generator(clock)())
    assert.equal(new Set(ids).size, ids.length)
  })
})

describe('runtime', () => {
  it('has a clock that calls back after its delay, unless it was called off', async () => {
    const calledOff = systemClock.after(1, () => assert.fail('it was called off'))
    calledOff()
    const from = systemClock.now()
    // The clock's own timers do not keep the process alive, so this one does.
    const alive = setInterval(() => {}, 1_000)
    await new Promise<void>((resolve) => systemClock.after(20, resolve))
    clearInterval(alive)
    assert.ok(systemClock.now() - from >= 18)
  })

  it('has random numbers in [0, 1)', () => {
    for (let draw = 0; draw < 100; draw++) {
      const number = systemRandom()
      assert.ok(number >= 0 && number < 1)
    }
  })
})

function movableClock(start: number): Clock & { move(ms: number): void } {
  let now = start
  return {
    now: () => now,
    after: () => () => {},
    move(ms) {
      now += ms
    },
  }
}

function assertRising(ids: readonly string[]): void {
  for (const [index, id] of ids.entries()) assert.ok(index === 0 || id > (ids[index - 1] as string), `${index}: ${id}`)
}
