import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meantInstead, meantName } from '../src/index.ts'

const SUBMISSION = ['type', 'payload', 'queue', 'delaySeconds', 'maxAttempts', 'idempotencyKey']

test('words of other queues and misspelt names lead to the name that is known in their place', () => {
  const meant = (word: string, known = SUBMISSION) => meantName(word, known)?.name ?? null
  assert.equal(meant('data'), 'payload')
  assert.equal(meant('max_retries'), 'maxAttempts')
  assert.equal(meant('jobId'), 'idempotencyKey')
  assert.equal(meant('jobId', ['taskId', 'token']), 'taskId')
  assert.equal(meant('paylaod'), 'payload')
  assert.equal(meant('frobnicate'), null)
})

test('what is different about a name is said with it', () => {
  assert.equal(meantInstead('delay', SUBMISSION), 'did you mean delaySeconds (in seconds)?')
  assert.equal(meantInstead('opts', SUBMISSION), 'its fields stand by themselves, beside payload')
  assert.equal(meantInstead('frobnicate', SUBMISSION), null)
})
