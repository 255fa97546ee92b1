import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client, Taskyard, TaskyardError } from '@taskyard/taskyard'

// Callers in JavaScript give what the types forbid.
// biome-ignore lint/suspicious/noExplicitAny: whatever a caller without a compiler may give
type Anything = any

describe('opening', () => {
  for (const [what, options, message] of [
    ['nothing', undefined, /takes options such as \{ store: 'sqlite:.*', not undefined|not undefined/],
    ['a text', 'sqlite:./tasks.db', /takes options such as .*, not a string/],
    ['no store', {}, /store is undefined; expected sqlite:PATH/],
    ['a store of no kind', { store: 'mysql://localhost' }, /store is "mysql:\/\/localhost"; expected sqlite:PATH/],
    [
      'a misspelt option',
      { store: 'sqlite::memory:', queueDept: 5 },
      /queueDept is no option.*did you mean queueDepth/,
    ],
    [
      'a parameter of no store',
      { store: 'redis://127.0.0.1/?prefx=a' },
      /^Taskyard\.open: store: the parameter "prefx" is/,
    ],
    ['a number as a text', { store: 'sqlite::memory:', queueDepth: '5' }, /queueDepth is a string; expected a whole/],
    ['a word as a flag', { store: 'sqlite::memory:', allowUnsafeDurability: 'no' }, /expected true or false/],
    [
      'a NaN to keep',
      { store: 'sqlite::memory:', retention: { failedSeconds: Number.NaN } },
      /failedSeconds is NaN; exp/,
    ],
  ] as const) {
    it(`${what} is refused`, async () => {
      await assert.rejects(Taskyard.open(options as Anything), isRefusal(message))
    })
  }
})

describe('a client', () => {
  for (const [what, options, message] of [
    ['nothing', undefined, /client: takes options such as \{ url: '/],
    ['a text', 'http://localhost', /client: takes options such as/],
    ['no URL', {}, /client: url is undefined; expected a URL that starts with http/],
    ['a URL of no server', { url: 'localhost:8080' }, /client: url is "localhost:8080"; expected a URL/],
    ['a misspelt option', { url: 'http://localhost', retrySecond: 1 }, /retrySecond is no option.*did you mean retryS/],
    [
      'a number as a text',
      { url: 'http://localhost', timeoutSeconds: '5' },
      /timeoutSeconds is a string; expected a n/,
    ],
  ] as const) {
    it(`of ${what} is refused`, () => {
      assert.throws(() => new Client(options as Anything), isRefusal(message))
    })
  }
})

function isRefusal(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TaskyardError)
    assert.equal(error.code, 'invalid_configuration')
    assert.match(error.message, message)
    return true
  }
}
