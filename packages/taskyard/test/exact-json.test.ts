import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseExactJson } from '../src/cli/exact-json.ts'

for (const text of [
  '12345678901234567890',
  '{"a":[1.0,1e400,0.1000000000000000000001]}',
  '{"__proto__":{"polluted":true}}',
  '"\\u0000"',
  '{"a":null,"b":[true,-0]}',
]) {
  it(`writes ${text} back as it was`, () => assert.equal(JSON.stringify(parseExactJson(text)), text))
}
