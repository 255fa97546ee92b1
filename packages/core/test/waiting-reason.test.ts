import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isReason, type WaitingReason } from '../src/index.ts'

test('a reason is of its own code alone', () => {
  const reasons: readonly WaitingReason[] = [
    { code: 'due_later', message: 'it is due', dueAt: '2030-01-01T00:00:00.000Z' },
    { code: 'of_a_later_version', message: 'something new' },
  ]
  assert.deepEqual(
    reasons.map((reason) => [isReason(reason, 'due_later'), isReason(reason, 'backing_off')]),
    [
      [true, false],
      [false, false],
    ],
  )
})
