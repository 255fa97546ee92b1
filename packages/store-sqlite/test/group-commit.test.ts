import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { toJsonText } from '@taskyard/core'
import { migrate } from '../src/database.ts'
import { type Answer, type Call, commitTogether } from '../src/group-commit.ts'
import { createState, type State } from '../src/state.ts'
import { type ClaimedRows, enqueueRows } from '../src/wire.ts'
import { CLAIM, newTask, submissions } from './test-bed.ts'

const NOW = Date.UTC(2026, 0, 1)
const OURS = { namespace: 'default' }

function freshState(): State {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  return createState(database, ':memory:')
}

function enqueueCall(payloadLength = 10): Call {
  const task = newTask({ payload: toJsonText('x'.repeat(payloadLength)) })
  return { operation: 'enqueue', params: enqueueRows(submissions(task)), now: NOW }
}

/** No call of the engine is refused inside a transaction; this one is broken. */
const BAD_CALL: Call = { operation: 'find', params: null, now: NOW }

const SWEEP_ALL: Call = {
  operation: 'sweep',
  params: {
    cancelGraceMs: 1000,
    retention: { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 2 ** 30 },
    limit: 10,
    jitter: 0,
  },
  now: NOW,
}

function finishOne(state: State): void {
  commitTogether(state, [enqueueCall()])
  const [claimed] = commitTogether(state, [{ operation: 'claim', params: CLAIM, now: NOW }]) as [{ value: ClaimedRows }]
  const settlements = claimed.value.rows.map((row) => [row[1], row[13], 'succeeded', null, null])
  commitTogether(state, [{ operation: 'settle', params: { ...OURS, settlements, claim: null }, now: NOW }])
}

function codes(answers: readonly Answer[]): readonly string[] {
  return answers.map((answer) => ('error' in answer ? answer.error.code : 'ok'))
}

test('a bad call in a shared transaction harms only itself', () => {
  const state = freshState()
  const answers = commitTogether(state, [enqueueCall(), BAD_CALL, enqueueCall()])
  assert.deepEqual(codes(answers), ['ok', 'store_unavailable', 'ok'])
  assert.equal(state.counters.of(1).queued, 2)
})

test('calls beside a bad one share one more transaction', (t) => {
  const state = freshState()
  const sql = t.mock.method(state, 'sql')
  commitTogether(state, [enqueueCall(), BAD_CALL, enqueueCall(), enqueueCall()])
  const statements = sql.mock.calls.map(({ arguments: [text] }) => text)
  assert.deepEqual(
    statements.filter((text) => /^(BEGIN|ROLLBACK|COMMIT)/.test(text)),
    ['BEGIN IMMEDIATE', 'ROLLBACK', 'BEGIN IMMEDIATE', 'COMMIT'],
  )
})

test('lanes that became ready are told, whatever the call after them does', () => {
  const state = freshState()
  const { page_count } = state.database.prepare('PRAGMA page_count').get() as { page_count: number }
  state.database.exec(`PRAGMA max_page_count = ${page_count + 4}`)
  const answers = commitTogether(state, [enqueueCall(), enqueueCall(100_000)])
  assert.deepEqual(codes(answers), ['ok', 'store_full'])
  assert.deepEqual([...state.readyLanes], [1])
})

test('retention looks again at what an undone transaction had removed', (t) => {
  const state = freshState()
  finishOne(state)
  commitTogether(state, [SWEEP_ALL, BAD_CALL])
  assert.equal(state.counters.of(1).succeeded, 0)
  finishOne(state)
  const mend = breakStatements(t, state, (text) => text === 'COMMIT')
  assert.deepEqual(codes(commitTogether(state, [SWEEP_ALL])), ['store_unavailable'])
  mend()
  assert.equal(state.counters.of(1).succeeded, 1)
  commitTogether(state, [SWEEP_ALL])
  assert.equal(state.counters.of(1).succeeded, 0)
})

/** Breaks what `isBroken` says of the statements that are run, until it is mended. */
function breakStatements(t: TestContext, state: State, isBroken: (text: string) => boolean): () => void {
  let mended = false
  const { sql } = state
  t.mock.method(state, 'sql', (text: string) => {
    if (!mended && isBroken(text)) throw new Error('the disk is gone')
    return sql(text)
  })
  return () => {
    mended = true
  }
}

for (const [what, isBroken] of [
  ['rolled back', (text: string) => text === 'ROLLBACK'],
  ['read again', (text: string) => text.includes('FROM counters')],
] as const) {
  test(`a transaction that cannot be ${what} is undone before anything else is done`, (t) => {
    const state = freshState()
    const mend = breakStatements(t, state, isBroken)
    assert.deepEqual(codes(commitTogether(state, [enqueueCall(), BAD_CALL])), [
      'store_unavailable',
      'store_unavailable',
    ])
    assert.deepEqual(codes(commitTogether(state, [enqueueCall()])), ['store_unavailable'])
    mend()
    assert.deepEqual(codes(commitTogether(state, [enqueueCall()])), ['ok'])
    assert.equal(state.counters.of(1).queued, 1)
  })
}

test('a failed commit is not run again where it cannot be undone either', (t) => {
  const state = freshState()
  const mend = breakStatements(t, state, (text) => text === 'COMMIT' || text === 'ROLLBACK')
  assert.deepEqual(codes(commitTogether(state, [enqueueCall(), enqueueCall()])), [
    'store_unavailable',
    'store_unavailable',
  ])
  mend()
  assert.deepEqual(codes(commitTogether(state, [enqueueCall()])), ['ok'])
  assert.equal(state.counters.of(1).queued, 1)
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
