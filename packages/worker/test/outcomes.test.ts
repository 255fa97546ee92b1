import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, TaskFailure, TaskyardError } from '@taskyard/core'
import { yard } from './scene.ts'

test('a returned value becomes the result, of plain and of async handlers', async (t) => {
  const { api } = yard(t, { double: (task) => task.payload * 2, later: async (task) => ({ got: task.payload }) })
  const first = api.add('double', 21)
  const second = api.add('later', 'x')
  const outcomes = await api.settled(2)
  assert.deepEqual(
    outcomes.toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1)),
    [
      { taskId: first, token: 1, outcome: 'succeeded', result: 42 },
      { taskId: second, token: 1, outcome: 'succeeded', result: { got: 'x' } },
    ],
  )
})

test('tasks of types without a handler are left to other workers', async (t) => {
  const { api } = yard(t, { known: () => null })
  api.add('unknown')
  api.add('known')
  await api.settled(1)
  assert.deepEqual(api.claims[0]?.types, ['known'])
  assert.equal([...api.tasks.values()][0]?.state, 'queued')
})

test('a TaskFailure says code, retryable and the wait', async (t) => {
  const { api } = yard(t, {
    fail: () => {
      throw new TaskFailure('no such mailbox', { code: 'mailbox_unknown', retryable: false, retryDelaySeconds: 7 })
    },
  })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.error?.code, 'mailbox_unknown')
  assert.equal(outcome?.error?.message, 'no such mailbox')
  assert.equal(outcome?.retryable, false)
  assert.equal(outcome?.retryDelaySeconds, 7)
})

for (const [wish, sent] of [
  [Number.NaN, undefined],
  [-1, undefined],
  [0, 0],
  [Number.POSITIVE_INFINITY, LIMITS.delaySeconds],
] as const) {
  test(`a wished wait of ${wish} s is sent as ${sent}`, async (t) => {
    const { api } = yard(t, { fail: () => Promise.reject(new TaskFailure('later', { retryDelaySeconds: wish })) })
    api.add('fail')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.error?.message, 'later')
    assert.equal(outcome?.retryDelaySeconds, sent)
  })
}

for (const [what, thrown, code] of [
  ['an error', new Error('boom'), 'error'],
  ['an error with a word as its code', Object.assign(new Error('boom'), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['an error with a code that is no word', Object.assign(new Error('boom'), { code: 'a b' }), 'error'],
  ['a string', 'boom', 'error'],
] as const) {
  test(`${what} thrown fails the attempt, to be retried, with code ${code}`, async (t) => {
    const { api } = yard(t, { fail: () => Promise.reject(thrown) })
    api.add('fail')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.outcome, 'failed')
    assert.equal(outcome?.error?.code, code)
    assert.equal(outcome?.error?.message, 'boom')
    assert.notEqual(outcome?.retryable, false)
  })
}

test('what throws when looked at still fails the attempt', async (t) => {
  const hostile = new Proxy(new Error('x'), {
    get() {
      throw new Error('do not look')
    },
  })
  const { api } = yard(t, { fail: () => Promise.reject(hostile) })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'failed')
})

for (const [what, make, code] of [
  ['a cycle', () => cycle(), 'result_not_json'],
  ['a BigInt', () => ({ n: 1n }), 'result_not_json'],
  ['a function', () => () => 1, 'result_not_json'],
  ['text over the limit', () => 'x'.repeat(LIMITS.resultBytes - 1), 'result_too_large'],
  ['text over the limit in bytes only', () => 'ü'.repeat(LIMITS.resultBytes / 2), 'result_too_large'],
] as const) {
  test(`a result that is ${what} fails for good with ${code}`, async (t) => {
    const { api } = yard(t, { make })
    api.add('make')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.outcome, 'failed')
    assert.equal(outcome?.error?.code, code)
    assert.equal(outcome?.retryable, false)
  })
}

test('a result of exactly the limit is kept', async (t) => {
  const { api } = yard(t, { make: () => 'x'.repeat(LIMITS.resultBytes - 2) })
  api.add('make')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'succeeded')
})

test('one outcome that is refused for good fails with the reason and holds back no other', async (t) => {
  const { api } = yard(t, { echo: (task) => task.payload }, { concurrency: 10 })
  api.refuse = ({ outcomes }) =>
    outcomes.some(({ result }) => result === 'bad') ? new TaskyardError('too_deep', { limit: 64 }) : null
  for (const payload of ['a', 'bad', 'b']) api.add('echo', payload)
  const outcomes = await api.settled(3)
  assert.deepEqual(outcomes.map(({ outcome, error }) => error?.code ?? outcome).toSorted(), [
    'succeeded',
    'succeeded',
    'too_deep',
  ])
})

function cycle(): unknown {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}
