import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spokenError } from '../src/index.ts'

test('the code of an error stands before its message, once', () => {
  assert.equal(spokenError({ code: 'smtp', message: 'refused' }), 'smtp: refused')
  assert.equal(spokenError({ code: 'ENOENT', message: 'ENOENT: no such file' }), 'ENOENT: no such file')
})
