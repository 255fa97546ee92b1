import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDocComments } from '../check-doc-comments.ts'
import { plant } from './support/plant.ts'

const FILE = 'packages/core/src/a.ts'

const VIOLATIONS: Readonly<Record<string, string>> = {
  'an exported function': 'export function f() {}\n',
  'an exported arrow': '\nexport const f = () => 1\n',
  'one whose comment is no doc comment': '\n// What it gives.\nexport async function f() {}\n',
  'one behind something that has one': '/** A number. */\nexport const a = 1\nexport function f() {}\n',
}

for (const [name, source] of Object.entries(VIOLATIONS)) {
  test(`the check of doc comments names ${name}`, (t) => {
    const [violation, ...others] = checkDocComments(plant(t, { [FILE]: source }))
    assert.match(violation ?? '', /^packages\/core\/src\/a\.ts:\d: f is exported without a doc comment$/)
    assert.deepEqual(others, [])
  })
}

test('the check of doc comments accepts what has one, its implementation, what is not exported and tests', (t) => {
  const files = {
    [FILE]:
      '/** One. */\n// biome-ignore lint: a reason\nexport function f(a: string): string\nexport function f(a: string) {\n  return g(a)\n}\nfunction g(a: string) {\n  return a\n}\n',
    'packages/core/test/a.test.ts': 'export function f() {}\n',
  }
  assert.deepEqual(checkDocComments(plant(t, files)), [])
})
