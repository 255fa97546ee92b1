import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRepeatedSignals } from '../src/cli/repeated-signals.ts'

test('a signal that npm passes on, too, is the same one; a later one, and another, are not', () => {
  let now = 0
  const isRepeated = createRepeatedSignals(() => now)
  for (const [at, signal, wanted] of [
    [0, 'SIGTERM', false],
    [1, 'SIGTERM', true],
    [2, 'SIGINT', false],
    [900, 'SIGINT', true],
    [1001, 'SIGTERM', false],
    [5000, 'SIGINT', false],
  ] as const) {
    now = at
    assert.equal(isRepeated(signal), wanted, `${signal} at ${at} ms`)
  }
})
