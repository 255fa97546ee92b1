import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestBed } from './test-bed.ts'

const circle: { self?: object } = {}
circle.self = circle

for (const [what, value, message] of [
  [
    'a Map',
    { users: new Map() },
    /^The result would not be kept as it is, at \/users: JSON would lose what a Map holds/,
  ],
  ['a Promise', [Promise.resolve(3)], /, at \/0: .*; await it$/],
  ['a BigInt far down', { a: { b: [1n] } }, /, at \/a\/b\/0: a bigint has no JSON form; give it as a text$/],
  ['a circle', { a: circle }, /, at \/a\/self: what holds itself has no JSON form$/],
  ['NaN alone', Number.NaN, /^The result would not be kept as it is: NaN has no JSON form/],
  ['a name of great length', { ['n'.repeat(100_000)]: 1n }, /^.{1000,1200}… \[truncated\]: a bigint/],
] as const) {
  test(`a result that JSON would lose is refused with its place: ${what}`, async (t) => {
    const { api } = openTestBed(t, { make: () => value })
    api.add('make')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.error?.code, 'result_not_json')
    assert.match(String(outcome?.error?.message), message)
    assert.equal(outcome?.retryable, false)
  })
}
