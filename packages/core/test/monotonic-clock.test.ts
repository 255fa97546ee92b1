import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, monotonicClock } from '../src/index.ts'

class OwnClock implements Clock {
  readonly #now = 7

  now(): number {
    return this.#now
  }

  after(delayMs: number, callback: () => void): () => void {
    callback()
    return () => assert.equal(this.#now + delayMs, 8)
  }
}

class SteadyClock extends OwnClock {
  monotonic(): number {
    return this.now() + 1
  }
}

test('the functions of a clock that is a class may be taken out of it', () => {
  for (const [clock, expected] of [
    [new OwnClock(), 7],
    [new SteadyClock(), 8],
  ] as const) {
    const { now, after } = monotonicClock(clock)
    assert.equal(now(), expected)
    after(1, () => {})()
  }
})
