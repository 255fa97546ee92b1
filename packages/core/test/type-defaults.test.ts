import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  declarationsOf,
  faultOfHandler,
  functionsOf,
  lastOfEachType,
  mapHandlers,
  type TaskHandlers,
  typeDefaultsFromText,
  typeDefaultsText,
  violationsOfTypeDefaults,
} from '../src/index.ts'

const run = () => 'done'

const WRONG: readonly [what: string, defaults: unknown, path: string][] = [
  ['no object', 5, ''],
  ['null', null, ''],
  ['an array', [], ''],
  ['an unknown name', { maxAttemps: 3 }, '/maxAttemps'],
  ['no attempt', { maxAttempts: 0 }, '/maxAttempts'],
  ['half an attempt', { maxAttempts: 1.5 }, '/maxAttempts'],
  ['too many attempts', { maxAttempts: 1001 }, '/maxAttempts'],
  ['attempts as text', { maxAttempts: '3' }, '/maxAttempts'],
  ['null attempts', { maxAttempts: null }, '/maxAttempts'],
  ['no time', { timeoutSeconds: 0 }, '/timeoutSeconds'],
  ['more than a week', { timeoutSeconds: 604_801 }, '/timeoutSeconds'],
  ['a time as text', { timeoutSeconds: '60' }, '/timeoutSeconds'],
  ['a backoff as text', { backoff: 'fixed' }, '/backoff'],
  ['an unknown kind', { backoff: { kind: 'random' } }, '/backoff/kind'],
  ['an unknown name of a backoff', { backoff: { base: 1 } }, '/backoff/base'],
  ['a wait below zero', { backoff: { baseSeconds: -1 } }, '/backoff/baseSeconds'],
  ['a wait that is no number', { backoff: { maxSeconds: Number.NaN } }, '/backoff/maxSeconds'],
]

describe('the defaults of a type', () => {
  for (const [what, defaults, path] of WRONG) {
    it(`are refused with the place that is wrong: ${what}`, () => {
      assert.deepEqual(
        violationsOfTypeDefaults(defaults).map((violation) => violation.path),
        [path],
      )
    })
  }

  it('may be any part of all options', () => {
    const all = { maxAttempts: 1, timeoutSeconds: 0.001, backoff: { kind: 'fixed', baseSeconds: 0 } }
    for (const defaults of [{}, all, { timeoutSeconds: null }, { backoff: {} }, { maxAttempts: undefined }]) {
      assert.deepEqual(violationsOfTypeDefaults(defaults), [])
    }
  })

  it('are kept as a text that leaves out what a later version may have added', () => {
    const defaults = { maxAttempts: 3, timeoutSeconds: null, backoff: { baseSeconds: 5 } }
    assert.deepEqual(typeDefaultsFromText(typeDefaultsText(defaults)), defaults)
    assert.deepEqual(typeDefaultsFromText('{"maxAttempts":3,"queue":"mail"}'), { maxAttempts: 3 })
    assert.equal(typeDefaultsText({ maxAttempts: undefined as unknown as number }), '{}')
  })

  it('that are declared twice are those of the last time', () => {
    const [last] = lastOfEachType([
      { type: 'a', defaults: { maxAttempts: 1 } },
      { type: 'a', defaults: null },
    ])
    assert.deepEqual(last, { type: 'a', defaults: null })
  })
})

describe('a handler', () => {
  const handlers: TaskHandlers = { plain: run, whole: { run, maxAttempts: 3 }, bare: { run } }

  it('declares what stands beside its function; what stands alone declares nothing', () => {
    assert.deepEqual(declarationsOf(handlers), [{ type: 'whole', defaults: { maxAttempts: 3 } }])
  })

  it('keeps its defaults when something is put around its function', () => {
    const wrapped = mapHandlers(handlers, (type) => () => type)
    assert.deepEqual(declarationsOf(wrapped), declarationsOf(handlers))
    for (const [type, wrappedRun] of functionsOf(wrapped)) assert.equal((wrappedRun as () => string)(), type)
  })

  it('is told why it is none', () => {
    assert.equal(faultOfHandler(run), null)
    assert.equal(faultOfHandler({ run, timeoutSeconds: 5 }), null)
    assert.equal(faultOfHandler('run'), 'is a string, not a function nor an object with a function "run"')
    assert.equal(faultOfHandler({ run: 5 }), 'is an object, not a function nor an object with a function "run"')
    assert.match(faultOfHandler({ run, maxAttempts: 0 }) ?? '', /maxAttempts: a whole number from 1 to 1000/)
    assert.match(faultOfHandler({ run, maxAttemps: 5 }) ?? '', /maxAttemps: is not known here/)
  })
})
