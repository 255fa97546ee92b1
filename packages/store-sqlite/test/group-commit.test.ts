import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { toJsonText } from '@taskyard/core'
import { migrate } from '../src/database.ts'
import { type Answer, type Call, commitTogether } from '../src/group-commit.ts'
import { createState, type State } from '../src/state.ts'
import { enqueueRows } from '../src/wire.ts'
import { CLAIM, newTask, submissions } from './scene.ts'

const NOW = Date.UTC(2026, 0, 1)

function freshState(): State {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  return createState(database, ':memory:')
}

function enqueueCall(payloadLength = 10): Call {
  const task = newTask({ payload: toJsonText('x'.repeat(payloadLength)) })
  return { operation: 'enqueue', params: enqueueRows(submissions(task)), now: NOW }
}

const BAD_CALL: Call = {
  operation: 'list',
  params: {
    namespace: 'default',
    status: null,
    type: null,
    queue: null,
    tag: null,
    createdAfter: null,
    createdBefore: null,
    limit: 1,
    cursor: '!',
  },
  now: NOW,
}

function codes(answers: readonly Answer[]): readonly string[] {
  return answers.map((answer) => ('error' in answer ? answer.error.code : 'ok'))
}

test('a bad call in a shared transaction harms only itself', () => {
  const state = freshState()
  const answers = commitTogether(state, [enqueueCall(), BAD_CALL, enqueueCall()])
  assert.deepEqual(codes(answers), ['ok', 'invalid_request', 'ok'])
  assert.equal(state.counters.of(1).queued, 2)
})

test('a file at its size limit refuses what does not fit and takes what does', () => {
  const state = freshState()
  const { page_count } = state.database.prepare('PRAGMA page_count').get() as { page_count: number }
  state.database.exec(`PRAGMA max_page_count = ${page_count + 4}`)
  const answers = commitTogether(state, [enqueueCall(), enqueueCall(100_000), enqueueCall()])
  assert.deepEqual(codes(answers), ['ok', 'store_full', 'ok'])
})

test('counters and ready tasks agree after a transaction was undone', () => {
  const state = freshState()
  const { page_count } = state.database.prepare('PRAGMA page_count').get() as { page_count: number }
  state.database.exec(`PRAGMA max_page_count = ${page_count + 2}`)
  commitTogether(state, [enqueueCall(100_000)])
  state.database.exec('PRAGMA max_page_count = 100000')
  commitTogether(state, [enqueueCall()])
  assert.equal(state.counters.of(1).queued, 1)
  const [answer] = commitTogether(state, [{ operation: 'claim', params: CLAIM, now: NOW }])
  assert.equal((answer as { value: { rows: unknown[] } }).value.rows.length, 1)
})
