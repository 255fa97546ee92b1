import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNewsMessage } from '@taskyard/core'
import fc from 'fast-check'

const taskId = '01900000-0000-7000-8000-000000000000'

const lane = { namespace: 'default', queue: 'default', type: 'test' }

test('news is told from everything else', () => {
  const news = [
    { kind: 'changed', taskId, ...lane, status: 'failed', tags: ['a'] },
    { kind: 'changed', taskId, ...lane, status: 'queued', tags: null, more: {} },
    { kind: 'recorded', namespace: 'default', taskId },
    { kind: 'cancel-requested', namespace: 'default', taskId, workerId: 'worker' },
  ]
  const others = [
    { kind: 'changed', taskId: 'x', ...lane, status: 'failed', tags: [] },
    { kind: 'changed', taskId, ...lane, status: 'lost', tags: [] },
    { kind: 'changed', taskId, ...lane, status: 'failed', tags: [7] },
    { kind: 'changed', taskId, status: 'failed', tags: [] },
    { kind: 'recorded' },
    { kind: 'cancel-requested', namespace: 'default', taskId },
    { kind: 'cancel-requested', namespace: 'default', taskId: 7, workerId: 'worker' },
    { kind: 'future', taskId },
  ]
  assert.deepEqual([...news, ...others].filter(isNewsMessage), news)
})

test('nothing that is no news makes it throw', () => {
  fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (value) => !isNewsMessage(value)))
})
