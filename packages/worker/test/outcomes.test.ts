import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, TaskFailure, TaskyardError } from '@taskyard/core'
import { openTestBed } from './test-bed.ts'

test('a returned value becomes the result, of plain and of async handlers', async (t) => {
  const { api } = openTestBed(t, { double: (task) => task.payload * 2, later: async (task) => ({ got: task.payload }) })
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
  const { api } = openTestBed(t, { known: () => null })
  api.add('unknown')
  api.add('known')
  await api.settled(1)
  assert.deepEqual(api.claims[0]?.types, ['known'])
  assert.equal([...api.tasks.values()][0]?.state, 'queued')
})

test('a TaskFailure says code, retryable and the wait', async (t) => {
  const { api } = openTestBed(t, {
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
    const { api } = openTestBed(t, {
      fail: () => Promise.reject(new TaskFailure('later', { retryDelaySeconds: wish })),
    })
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
  ['an object with a code', { code: 'E_OBJ', message: 'boom' }, 'E_OBJ'],
  ['a string', 'boom', 'error'],
] as const) {
  test(`${what} thrown fails the attempt, to be retried, with code ${code}`, async (t) => {
    const { api } = openTestBed(t, { fail: () => Promise.reject(thrown) })
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
  const { api } = openTestBed(t, { fail: () => Promise.reject(hostile) })
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
    const { api } = openTestBed(t, { make })
    api.add('make')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.outcome, 'failed')
    assert.equal(outcome?.error?.code, code)
    assert.equal(outcome?.retryable, false)
  })
}

test('a result is what it was when the handler returned', async (t) => {
  const counter = { seen: 0 }
  const { api } = openTestBed(t, {
    count: (_, { log }) => {
      counter.seen++
      log('seen')
      return counter
    },
  })
  for (let n = 0; n < 5; n++) api.add('count')
  const outcomes = await api.settled(5)
  assert.deepEqual(outcomes.map(({ result }) => (result as typeof counter).seen).toSorted(), [1, 2, 3, 4, 5])
})

test('a result that has no JSON form any more when it is sent holds back nothing', async (t) => {
  const shared: { self?: unknown } = {}
  const { api } = openTestBed(t, {
    share: (_, { log }) => {
      log('a line keeps the outcome waiting')
      queueMicrotask(() => {
        shared.self = shared
      })
      return shared
    },
  })
  api.add('share')
  assert.deepEqual((await api.settled(1))[0]?.result, {})
})

for (const [levels, ended] of [
  [LIMITS.resultDepth, 'succeeded'],
  [LIMITS.resultDepth + 1, 'too_deep'],
] as const) {
  test(`a result of ${levels} levels is ${ended}`, async (t) => {
    const { api } = openTestBed(t, { make: () => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) })
    api.add('make')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.error?.code ?? outcome?.outcome, ended)
  })
}

for (const [what, thrown, message] of [
  [
    'an error without words, of several',
    new AggregateError([new Error('connect ECONNREFUSED ::1:9'), new Error('connect ECONNREFUSED 127.0.0.1:9')]),
    'connect ECONNREFUSED ::1:9; connect ECONNREFUSED 127.0.0.1:9',
  ],
  [
    'an error of several, with words',
    new AggregateError(
      [
        new Error('no answer', { cause: new Error('reset') }),
        'text',
        new Error('no answer', { cause: new Error('reset') }),
      ],
      'All promises were rejected',
    ),
    'All promises were rejected: no answer: reset; text',
  ],
  [
    'an error of more than are told',
    new AggregateError(Array.from({ length: 9 }, (_, n) => new Error(`e${n}`))),
    'e0; e1; e2; e3; e4',
  ],
  ['an error that is made of itself', madeOfItself(), 'round: round: round'],
  [
    'an error with causes',
    new TypeError('fetch failed', { cause: new Error('read', { cause: 'reset' }) }),
    'fetch failed: read: reset',
  ],
  ['an error without words', new RangeError(), 'RangeError'],
  [
    'a failure for people, with a cause',
    new TaskFailure('no such mailbox', { cause: new Error('550') }),
    'no such mailbox',
  ],
  ['an object', { status: 7 }, '{"status":7}'],
  ['an object with a message', { message: 'no' }, 'no'],
  ['nothing', undefined, 'the handler threw undefined'],
] as const) {
  test(`${what} thrown is told as "${message}"`, async (t) => {
    const { api } = openTestBed(t, { fail: () => Promise.reject(thrown) })
    api.add('fail')
    assert.equal((await api.settled(1))[0]?.error?.message, message)
  })
}

test('the stacks of the causes are kept, and a circle of causes ends', async (t) => {
  const inner = new Error('inner')
  const outer = new Error('outer', { cause: inner })
  inner.cause = outer
  const { api } = openTestBed(t, { fail: () => Promise.reject(outer) })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.error?.message, 'outer: inner')
  assert.match(String(outcome?.error?.stack), /^Error: outer\n[\s\S]*\ncaused by: Error: inner\n/)
})

test('the stacks of the errors that one is made of are kept, so many at most', async (t) => {
  const errors = Array.from({ length: 4 }, () => new AggregateError([1, 2, 3, 4].map((n) => new Error(`inner ${n}`))))
  const { api } = openTestBed(t, { fail: () => Promise.any(errors.map((error) => Promise.reject(error))) })
  api.add('fail')
  const { stack = '' } = (await api.settled(1))[0]?.error ?? {}
  const told = stack.match(/^(?:caused by: )?\w*Error.*$/gm) ?? []
  assert.equal(told[0], 'AggregateError: All promises were rejected')
  assert.ok(told.length <= 10)
  assert.match(stack, /\ncaused by: AggregateError\n +at .*outcomes\.test\.ts[\s\S]*\ncaused by: Error: inner 1\n/)
})

test('the stack of a handler that throws ends with the handler', async (t) => {
  const { api } = openTestBed(t, {
    fail: () => {
      throw new Error('outer', { cause: new Error('inner') })
    },
  })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.match(
    String(outcome?.error?.stack),
    /^Error: outer\n +at .*outcomes\.test\.ts:.*\ncaused by: Error: inner\n +at .*outcomes\.test\.ts:\S+$/,
  )
})

test('a failure with wishes of a wrong kind is told without them', async (t) => {
  const odd = Object.assign(new Error('odd'), { name: 'TaskFailure', retryable: 'yes', retryDelaySeconds: '5' })
  const { api } = openTestBed(t, { fail: () => Promise.reject(odd) })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.deepEqual([outcome?.retryable, outcome?.retryDelaySeconds], [true, undefined])
})

test('an outcome that fails unexpectedly each time goes alone and holds back no other', async (t) => {
  const { api } = openTestBed(t, { echo: (task) => task.payload }, { concurrency: 10, random: () => 0.001 })
  api.refuse = ({ outcomes }) =>
    outcomes.some(({ result }) => result === '"bad"') ? new TaskyardError('internal', { reason: 'test' }) : null
  for (const payload of ['a', 'bad', 'b']) api.add('echo', payload)
  const outcomes = await api.settled(3)
  assert.deepEqual(outcomes.map(({ outcome, error }) => error?.code ?? outcome).toSorted(), [
    'internal',
    'succeeded',
    'succeeded',
  ])
})

test('a result of exactly the limit is kept', async (t) => {
  const { api } = openTestBed(t, { make: () => 'x'.repeat(LIMITS.resultBytes - 2) })
  api.add('make')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'succeeded')
})

test('one outcome that is refused for good fails with the reason and holds back no other', async (t) => {
  const { api } = openTestBed(t, { echo: (task) => task.payload }, { concurrency: 10 })
  api.refuse = ({ outcomes }) =>
    outcomes.some(({ result }) => result === '"bad"') ? new TaskyardError('too_deep', { limit: 64 }) : null
  for (const payload of ['a', 'bad', 'b']) api.add('echo', payload)
  const outcomes = await api.settled(3)
  assert.deepEqual(outcomes.map(({ outcome, error }) => error?.code ?? outcome).toSorted(), [
    'succeeded',
    'succeeded',
    'too_deep',
  ])
})

function madeOfItself(): AggregateError {
  const error = new AggregateError([], 'round')
  error.errors.push(error)
  return error
}

function cycle(): unknown {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}
