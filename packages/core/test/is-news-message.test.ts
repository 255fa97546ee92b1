import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNewsMessage } from '@taskyard/core'
import fc from 'fast-check'

const taskId = '01900000-0000-7000-8000-000000000000'

test('news is told from everything else', () => {
  const news = [
    { kind: 'changed', taskId, terminal: true },
    { kind: 'changed', taskId, terminal: false, more: {} },
    { kind: 'cancel-requested', taskId, workerId: 'worker' },
    { kind: 'cancel-requested', taskId, workerId: null },
  ]
  const others = [
    { kind: 'changed', taskId: 'x', terminal: true },
    { kind: 'changed', taskId },
    { kind: 'cancel-requested', taskId },
    { kind: 'cancel-requested', taskId: 7, workerId: null },
    { kind: 'future', taskId, terminal: true },
  ]
  assert.deepEqual([...news, ...others].filter(isNewsMessage), news)
})

test('nothing that is no news makes it throw', () => {
  fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (value) => !isNewsMessage(value)))
})
