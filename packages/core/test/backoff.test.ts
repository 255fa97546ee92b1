import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Backoff, backoffDelayMs, DEFAULT_BACKOFF, spreadJitter } from '@taskyard/core'
import fc from 'fast-check'
import { backoffs, jitters } from './arbitraries.ts'

const attempts = fc.integer({ min: 1, max: 1000 })
const ALMOST_ONE = 1 - Number.EPSILON

describe('backoff', () => {
  it('waits a whole number of milliseconds, never negative, never over its maximum', () => {
    fc.assert(
      fc.property(backoffs, attempts, jitters, (backoff, attempt, jitter) => {
        const delayMs = backoffDelayMs(backoff, attempt, jitter)
        assert.ok(Number.isSafeInteger(delayMs), `${delayMs}`)
        assert.ok(delayMs >= 0 && delayMs <= Math.round(backoff.maxSeconds * 1000))
      }),
    )
  })

  it('never waits less after a later attempt when factor is at least 1 and the jitter is the same', () => {
    const growing = backoffs.map((backoff) => ({ ...backoff, factor: backoff.factor + 1 }))
    fc.assert(
      fc.property(growing, attempts, jitters, (backoff, attempt, jitter) => {
        assert.ok(backoffDelayMs(backoff, attempt + 1, jitter) >= backoffDelayMs(backoff, attempt, jitter))
      }),
    )
  })

  it('spreads exponential and linear waits over the whole interval from zero', () => {
    const jittered = backoffs.filter(({ kind }) => kind !== 'fixed')
    fc.assert(
      fc.property(jittered, attempts, jitters, (backoff, attempt, jitter) => {
        const longest = backoffDelayMs(backoff, attempt, ALMOST_ONE)
        assert.equal(backoffDelayMs(backoff, attempt, 0), 0)
        // Both waits are rounded to a millisecond, and floating point adds a trace.
        assert.ok(Math.abs(backoffDelayMs(backoff, attempt, jitter) - longest * jitter) <= 1.001)
      }),
    )
  })

  it('takes no notice of jitter and attempt when it is fixed', () => {
    const fixed = backoffs.map((backoff) => ({ ...backoff, kind: 'fixed' as const }))
    fc.assert(
      fc.property(fixed, attempts, jitters, (backoff, attempt, jitter) => {
        assert.equal(backoffDelayMs(backoff, attempt, jitter), backoffDelayMs(backoff, 1, 0))
      }),
    )
  })

  it('does not wait when its base is zero, however large its growth', () => {
    const backoff: Backoff = { kind: 'exponential', baseSeconds: 0, factor: 1000, maxSeconds: 3600 }
    assert.equal(backoffDelayMs(backoff, 1000, 0.5), 0)
  })

  it('doubles from one second to an hour by default', () => {
    const longest = [1, 2, 3, 4, 12, 13, 1000].map((attempt) => backoffDelayMs(DEFAULT_BACKOFF, attempt, ALMOST_ONE))
    assert.deepEqual(longest, [1_000, 2_000, 4_000, 8_000, 2_048_000, 3_600_000, 3_600_000])
  })
})

describe('a jitter spread over many tasks', () => {
  it('leaves no long gap, however many they are', () => {
    fc.assert(
      fc.property(jitters, fc.integer({ min: 1, max: 1000 }), (jitter, count) => {
        const spread = Array.from({ length: count }, (_, index) => spreadJitter(jitter, index)).sort((a, b) => a - b)
        const gaps = spread.map((value, i) => (spread[i + 1] ?? 1 + (spread[0] as number)) - value)
        assert.ok(spread.every((value) => value >= 0 && value < 1))
        assert.ok(Math.max(...gaps) <= 3 / count)
      }),
    )
  })
})
