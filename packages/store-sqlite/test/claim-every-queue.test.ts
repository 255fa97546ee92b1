import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { ClaimParams } from '@taskyard/core'
import { migrate } from '../src/database.ts'
import { type Answer, commitTogether } from '../src/group-commit.ts'
import { createState, type State } from '../src/state.ts'
import { type ClaimedRows, enqueueRows } from '../src/wire.ts'
import { CLAIM, newTask, submissions } from './test-bed.ts'

const NOW = Date.UTC(2026, 0, 1)
const QUEUES = 500

test('a claim of every queue reads the lanes that come first, not all', (t) => {
  const state = filledState()
  claim(state)
  assert.equal(
    lanesReadBy(t, state, () => claim(state)),
    1,
  )
  assert.equal(
    lanesReadBy(t, state, () => claim(state, { limit: 20 })),
    20,
  )
})

test('a claim of every queue reads no lane that was emptied by name', (t) => {
  const state = filledState()
  claim(state)
  const queues = Array.from({ length: QUEUES - 1 }, (_, n) => `queue-${n}`)
  assert.equal(claim(state, { queues, limit: 1000 }).length, QUEUES - 2)
  assert.equal(
    lanesReadBy(t, state, () => claim(state, { limit: 100 })),
    1,
  )
  assert.equal(
    lanesReadBy(t, state, () => claim(state)),
    0,
  )
})

test('a claim of every queue gives again what an undone one had taken', () => {
  const state = filledState()
  const [undone] = commitTogether(state, [
    { operation: 'claim', params: { ...CLAIM, queues: null, limit: 3 }, now: NOW },
    { operation: 'find', params: null, now: NOW },
  ])
  const first = rowsOf(undone).map(([, id]) => id)
  assert.equal(first.length, 3)
  assert.equal(claim(state, { limit: 1000 }).length, QUEUES - 3)
})

test('a claim of every queue misses nothing after a transaction that failed', () => {
  const state = filledState()
  claim(state)
  const bad = { operation: 'find', params: null, now: NOW } as const
  state.database.exec("CREATE TRIGGER full BEFORE INSERT ON leases BEGIN SELECT RAISE(ABORT, 'no'); END")
  commitTogether(state, [{ operation: 'claim', params: { ...CLAIM, queues: null, limit: 9 }, now: NOW }, bad])
  state.database.exec('DROP TRIGGER full')
  assert.equal(claim(state, { limit: 1000 }).length, QUEUES - 1)
})

function filledState(): State {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  const state = createState(database, ':memory:')
  const tasks = Array.from({ length: QUEUES }, (_, n) => newTask({ queue: `queue-${n}` }))
  commitTogether(state, [{ operation: 'enqueue', params: enqueueRows(submissions(...tasks)), now: NOW }])
  return state
}

function claim(state: State, wanted: Partial<ClaimParams> = {}) {
  const params = { ...CLAIM, queues: null, limit: 1, ...wanted }
  return rowsOf(commitTogether(state, [{ operation: 'claim', params, now: NOW }])[0])
}

function rowsOf(answer: Answer | undefined): ClaimedRows['rows'] {
  assert.ok(answer !== undefined && 'value' in answer)
  return (answer.value as ClaimedRows).rows
}

function lanesReadBy(t: TestContext, state: State, call: () => unknown): number {
  const sql = t.mock.method(state, 'sql')
  call()
  const texts = sql.mock.calls.map(({ arguments: [text] }) => text)
  sql.mock.restore()
  return texts.filter((text) => text.includes('FROM ready') && text.includes('OFFSET')).length
}
