import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JsonText, LIMITS, toJsonText } from '@taskyard/core'
import fc from 'fast-check'
import { requestBodies } from '../src/request-bodies.ts'

const claim = toJsonText({ workerId: 'w', limit: 5 })

test('bodies keep every item in order, claim only in the last, and stay below the limit', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 900_000 })), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const items = lengths.map((length, index) => toJsonText(`${index}${'ü'.repeat(length / 2)}`))
      const bodies = requestBodies('outcomes', items, { claim }).map((body) => {
        assert.ok(Buffer.byteLength(body) <= LIMITS.bodyBytes)
        return JSON.parse(body)
      })
      assert.deepEqual(
        bodies.flatMap(({ outcomes }) => outcomes),
        items.map((item) => JSON.parse(item)),
      )
      assert.deepEqual(
        bodies.map(({ claim }) => claim !== undefined),
        bodies.map((_, index) => index === bodies.length - 1),
      )
    }),
    { numRuns: 30 },
  )
})

test('no items are one body, an item over the limit goes alone', () => {
  assert.deepEqual(requestBodies('entries', []), ['{"entries":[]}'])
  const huge = toJsonText('x'.repeat(LIMITS.bodyBytes))
  const small = '1' as JsonText
  assert.deepEqual(
    requestBodies('entries', [small, huge, small]).map((body) => body.length > LIMITS.bodyBytes),
    [false, true, false],
  )
})
