// What the scripts must say just as packages/core does, in a language of their own.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Backoff,
  backoffDelayMs,
  DEFAULT_BACKOFF,
  LIMITS,
  POISON_ATTEMPTS,
  POISON_CRASHES,
  poisonedError,
  SUSPECT_CRASHES,
  timeoutError,
} from '@taskyard/core'
import { sharedServer } from '@taskyard/test-servers'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { SCRIPTS } from '../src/scripts.ts'

const ENDING = SCRIPTS.sweep.text
const CLAIMING = SCRIPTS.claim.text

describe('the scripts of Redis', () => {
  it('count crashes and attempts as core does', () => {
    assert.deepEqual(/local POISON_CRASHES, POISON_ATTEMPTS = (\d+), (\d+)/.exec(ENDING)?.slice(1).map(Number), [
      POISON_CRASHES,
      POISON_ATTEMPTS,
    ])
    assert.equal(Number(/local SUSPECT_CRASHES = (\d+)/.exec(CLAIMING)?.[1]), SUSPECT_CRASHES)
  })

  it('end the answer of a claim where core says', () => {
    const factors = /local CLAIM_BYTES = ([\d* ]+)/.exec(CLAIMING)?.[1]?.split('*').map(Number) ?? []
    assert.equal(
      factors.reduce((product, factor) => product * factor, 1),
      LIMITS.claimBytes,
    )
  })

  it('keep as much of a history, and keys as long, as core says', () => {
    assert.equal(Number(/local MOST_LINES = (\d+)/.exec(ENDING)?.[1]), LIMITS.maxAttempts * 10)
    assert.equal(Number(/local KEY_MS = (\d+)/.exec(SCRIPTS.enqueue.text)?.[1]), LIMITS.idempotencySeconds * 1000)
  })

  it('say what core says of timeouts and of tasks that are given up', async (t) => {
    const redis = new Redis((await sharedServer('redis')).url)
    t.after(() => redis.disconnect())
    const timeout = /local TIMEOUT = .*\n[\s\S]*?\nend\n/.exec(ENDING)?.[0]
    for (const ms of [60_000, 500, 604_800_000, 1]) {
      const answer = await redis.eval(`${timeout}return timeoutError({ startedAt = 7, endAt = 7 + ARGV[1] })`, 0, ms)
      assert.deepEqual(JSON.parse(answer as string), timeoutError({ startedAt: 7, deadlineAt: 7 + ms }))
    }
    const poisoned = /local POISON_CRASHES.*\n/.exec(ENDING)?.[0]
    const text = /local function poisonedError[\s\S]*?\nend\n/.exec(ENDING)?.[0]
    const script = `${poisoned}${text}
      return poisonedError({ loneCrashes = tonumber(ARGV[1]), attempt = tonumber(ARGV[2]) })`
    for (const [loneCrashes, attempt] of [[POISON_CRASHES, 7] as const, [0, POISON_ATTEMPTS] as const]) {
      const answer = (await redis.eval(script, 0, loneCrashes, attempt)) as string
      assert.deepEqual(JSON.parse(answer), poisonedError({ loneCrashes, attempt }))
    }
  })

  it('know the default backoff', () => {
    const fields = /local DEFAULT_BACKOFF = \{([^}]*)\}/.exec(ENDING)?.[1]?.split(',') ?? []
    const entries = fields.map((field) => {
      const [name = '', value = ''] = field.split('=').map((text) => text.trim())
      return [name, value.startsWith("'") ? value.slice(1, -1) : Number(value)]
    })
    assert.deepEqual(Object.fromEntries(entries), DEFAULT_BACKOFF)
  })

  it('wait between attempts as core does', async (t) => {
    const redis = new Redis((await sharedServer('redis')).url)
    t.after(() => redis.disconnect())
    const text = /local function backoffMs[\s\S]*?\nend\n/.exec(ENDING)?.[0]
    const script = `local floor = math.floor\n${text}
      return string.format('%.0f', backoffMs(cjson.decode(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])))`
    await fc.assert(
      fc.asyncProperty(BACKOFF, fc.integer({ min: 1, max: 1000 }), JITTER, async (backoff, attempt, jitter) => {
        const answer = await redis.eval(script, 0, JSON.stringify(backoff), attempt, jitter)
        const expected = backoffDelayMs(backoff, attempt, jitter)
        // Both powers are rounded, each its own way.
        assert.ok(Math.abs(Number(answer) - expected) <= 1, `${answer} instead of ${expected}`)
      }),
      { numRuns: 300 },
    )
  })
})

const JITTER = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const BACKOFF: fc.Arbitrary<Backoff> = fc.record({
  kind: fc.constantFrom('exponential', 'linear', 'fixed'),
  baseSeconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  maxSeconds: fc.double({ min: 0, max: 31_622_400, noNaN: true }),
})
