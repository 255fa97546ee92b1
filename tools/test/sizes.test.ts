import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSizes } from '../check-sizes.ts'
import { plant } from './support/plant.ts'

const VIOLATIONS: readonly [string, string, string, RegExp][] = [
  ['a file has over 300 lines', 'e2e/a.test.ts', line().repeat(301), /^e2e\/a\.test\.ts: 301 lines/],
  ['a Lua file does', 'packages/store-redis/src/lua/a.lua', '-- a\n'.repeat(301), /a\.lua: 301 lines/],
  ['an SQL file that is no migration does', 'packages/store-postgres/src/a.sql', '-- a\n'.repeat(301), /a\.sql: 301/],
  [
    'a function has over 60',
    'bench/a.ts',
    `${line()}function f() {\n${line(59)}}\n`,
    /^bench\/a\.ts:2: a function of 61/,
  ],
  ['a method does', 'bench/a.ts', `class A {\n  m() {\n${line(59)}  }\n}\n`, /^bench\/a\.ts:2: a function of 61/],
  [
    'an arrow does, in a longer one with a reason',
    'bench/a.ts',
    long(`const f = () => {\n${line(59)}}\n`),
    /a\.ts:3: /,
  ],
  ['its reason is empty', 'bench/a.ts', `// Long:\nfunction f() {\n${line(59)}}\n`, /bench\/a\.ts:2: /],
  ['its reason stands elsewhere', 'bench/a.ts', `// Long: so.\n\nfunction f() {\n${line(59)}}\n`, /bench\/a\.ts:3: /],
  [
    'one test does',
    'e2e/a.test.ts',
    `describe('a', () => {\n  it('b', () => {\n${line(59)}  })\n})\n`,
    /a\.test\.ts:2: /,
  ],
  ['what stands around tests does', 'e2e/a.test.ts', `describe('a', () => {\n${line(59)}})\n`, /a\.test\.ts:1: /],
  [
    'one function in ten has over 18',
    'packages/core/src/a.ts',
    `function f() {\n${line(17)}}\n`,
    /one function in ten/,
  ],
]

for (const [name, file, source, expected] of VIOLATIONS) {
  test(`the check of sizes fails when ${name}`, (t) => {
    const { violations } = checkSizes(plant(t, { [file]: source }))
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0] as string, expected)
  })
}

test('the check of sizes accepts what is short, what says why it is long, migrations and a file full of tests', (t) => {
  const files = {
    'packages/core/src/a.ts': line().repeat(300),
    'packages/core/src/migrations/0001-a.sql': '-- a\n'.repeat(301),
    'bench/a.ts': `/** What it does. */\n${long(line(59))}function g() {\n${line(58)}}\n`,
    'e2e/a.test.ts': `describe('a', () => {\n${`  it('b', () => {\n${line(28)}  })\n`.repeat(5)}})\n`,
  }
  assert.deepEqual(checkSizes(plant(t, files)).violations, [])
})

test('the check of sizes tells how long nine in ten functions of production code are', (t) => {
  const short = 'function f() {}\n'.repeat(9)
  const files = {
    'packages/core/src/a.ts': `${short}function f() {\n${line(40)}}\n`,
    'packages/core/test/a.test.ts': `function f() {\n${line(40)}}\n`.repeat(5),
    'packages/conformance/src/a.ts': `function f() {\n${line(40)}}\n`.repeat(5),
  }
  const { functions, p90 } = checkSizes(plant(t, files))
  assert.deepEqual([functions, p90], [10, 1])
})

function line(count = 1): string {
  return 'run()\n'.repeat(count)
}

function long(body: string): string {
  return `// Long: a reason.\nfunction f() {\n${body}}\n`
}
