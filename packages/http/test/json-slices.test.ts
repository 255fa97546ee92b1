import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@taskyard/core'
import fc from 'fast-check'
import { sliceMember, slices } from '../src/json-slices.ts'

const payload = { list: null, key: 'payload' } as const
const tasks = { list: 'tasks', key: 'payload' } as const

test('a member comes back exactly as it was written', () => {
  for (const text of ['12345678901234567890', '1e400', '-0', '1.0', 'null', '""', '[ 1 , 2 ]', '{"a" : [ {} ] }']) {
    assert.equal(sliceMember(`{"type":"x","payload": ${text} ,"queue":"q"}`, payload), text)
    assert.equal(sliceMember(`{"payload":${text}}`, payload), text)
    assert.equal(sliceMember(`\n{ "payload"\t:\r\n ${text}\n}\n`, payload), text)
  }
})

test('a missing member is undefined', () => {
  for (const body of [
    '{}',
    '[]',
    '1',
    '"payload"',
    'null',
    '{"x":{"payload":1}}',
    '[{"payload":1}]',
    '{"x":"payload"}',
  ]) {
    assert.equal(sliceMember(body, payload), undefined, body)
  }
})

test('the last of several members counts, as in JSON.parse', () => {
  assert.equal(sliceMember('{"payload":1,"payload":[2],"x":3}', payload), '[2]')
  assert.equal(sliceMember('{"payload":1,"\\u0070ayload":{"a":4}}', payload), '{"a":4}')
  assert.deepEqual(slices('{"tasks":[{"payload":1},{"payload":2}],"tasks":[{"payload":3}]}', tasks), ['3'])
  assert.deepEqual(slices('{"tasks":[{"payload":1,"payload":2}]}', tasks), ['2'])
  assert.deepEqual(slices('{"tasks":[{"payload":1}],"tasks":7}', tasks), [])
})

test('quotes, braces and commas inside strings mislead nobody', () => {
  const value = '"a\\\\\\",}]{[\\\\"'
  assert.equal(sliceMember(`{"x\\"":"}","payload":${value},"y":1}`, payload), value)
  assert.equal(sliceMember('{"x\\\\":{"payload":1},"payload":2}', payload), '2')
})

test('a list gives one slice per element', () => {
  const body =
    '{"other":[{"payload":0}],"tasks":[ {"payload": 1e400} ,{},{"x":[{"payload":9}],"payload":{"payload":5}}]}'
  assert.deepEqual(slices(body, tasks), ['1e400', undefined, '{"payload":5}'])
})

test('nesting is bounded', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const body = (depth: number) => `{"payload":${nested(depth - 1)}}`
  assert.equal(sliceMember(body(LIMITS.jsonDepth), payload), nested(LIMITS.jsonDepth - 1))
  assert.throws(() => sliceMember(body(LIMITS.jsonDepth + 1), payload), { code: 'too_deep' })
  assert.throws(() => slices(body(LIMITS.jsonDepth + 1), tasks), { code: 'too_deep' })
})

test('for any document, the slice parses to what JSON.parse finds', () => {
  fc.assert(
    fc.property(jsonObjectText(), (body) => {
      const parsed = JSON.parse(body)
      const slice = sliceMember(body, payload)
      const has = Object.hasOwn(parsed, 'payload')
      assert.equal(slice !== undefined, has)
      if (has) assert.deepEqual(JSON.parse(slice as string), parsed.payload)
    }),
    { numRuns: 2000 },
  )
})

test('for any batch, each slice parses to what JSON.parse finds', () => {
  const batch = fc.array(jsonObjectText(), { maxLength: 5 }).map((items) => `{"tasks" :[${items.join(' ,')}]}`)
  fc.assert(
    fc.property(batch, (body) => {
      const parsed = JSON.parse(body) as { tasks: Record<string, unknown>[] }
      const found = slices(body, tasks)
      assert.equal(found.length, parsed.tasks.length)
      for (const [index, item] of parsed.tasks.entries()) {
        assert.equal(found[index] !== undefined, Object.hasOwn(item, 'payload'))
        if (found[index] !== undefined) assert.deepEqual(JSON.parse(found[index]), item['payload'])
      }
    }),
    { numRuns: 1000 },
  )
})

// With 30 million characters, work that grew with their square would take a quarter of an hour.
const HOSTILE: readonly (readonly [shape: string, begin: string, repeated: string, end: string])[] = [
  ['names longer than the key', '{"payload":"€"', ',"priority":0', '}'],
  ['names longer than the key, the last one escaped', '{"payload":"€"', ',"priority":0', ',"priorit\\u0079":0}'],
  ['names that spell the key', '{"payload":0', ',"\\u0070ayload":0', ',"payload":"€"}'],
  ['escaped quotes', '{"payload":"€","x":"', '\\"', '"}'],
  ['escaped backslashes', '{"payload":"€","x":"', '\\\\', '"}'],
  ['white space', '{"payload":"€"', `,"x"${' '.repeat(50)}:${' '.repeat(50)}0${' '.repeat(50)}`, '}'],
]

for (const [shape, begin, repeated, end] of HOSTILE) {
  test(`the work grows with the length of a body, and no faster: ${shape}`, () => {
    const body = begin + repeated.repeat(30_000_000 / repeated.length) + end
    assert.equal(sliceMember(body, payload), '"€"')
    assert.deepEqual(slices(`{"tasks":[${body}]}`, tasks), ['"€"'])
  })
}

/** JSON text of an object: members may repeat, names may be escaped, white space may stand anywhere it is allowed. */
function jsonObjectText(): fc.Arbitrary<string> {
  const space = fc.constantFrom('', ' ', '\n\t', '\r\n  ')
  const name = fc.oneof(
    fc.constantFrom(
      '"payload"',
      '"\\u0070ayload"',
      '"pay\\u006Coad"',
      '"payloa"',
      '"payload "',
      '"__proto__"',
      '"tasks"',
      '""',
    ),
    fc.string().map((text) => JSON.stringify(text)),
  )
  const scalar = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('1e400', '-0', '12345678901234567890', 'true', 'null', '"\\\\"', '"\\""', '"}],"'),
  )
  const { object } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, scalar, tie('object'), tie('array')),
    array: fc
      .tuple(space, fc.array(tie('value'), { maxLength: 4 }), space)
      .map(([a, items, b]) => `[${a}${items.join(`${b},${a}`)}${b}]`),
    object: fc
      .array(fc.tuple(space, name, space, space, tie('value'), space), { maxLength: 5 })
      .map((members) => `{${members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`).join(',')}}`),
  }))
  return object
}
