import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plant, runIn } from './support/plant.ts'

const BIOME = ['biome.json', 'tools/runtime-access.grit']
const CLEAN = 'export const answer = 42\n'

const RUNTIME_ACCESS = {
  'Date.now': 'export const a = Date.now()\n',
  'new Date()': 'export const a = new Date()\n',
  'Math.random': 'export const a = Math.random()\n',
  'process.env': 'export const a = process.env.HOME\n',
  'crypto.randomUUID': 'export const a = crypto.randomUUID()\n',
  'an imported randomUUID': "import { randomUUID } from 'node:crypto'\n\nexport const a = randomUUID\n",
  'AbortSignal.timeout': 'export const a = AbortSignal.timeout(1)\n',
  setTimeout: 'export const a = setTimeout(() => {}, 1)\n',
  'setTimeout of globalThis': 'export const a = globalThis.setTimeout\n',
  setInterval: 'export const a = setInterval\n',
  'node:timers/promises': "import { setTimeout as sleep } from 'node:timers/promises'\n\nexport const a = sleep\n",
}

test('format and lint accept clean source', (t) => {
  const folder = plant(t, { 'packages/core/src/a.ts': CLEAN }, BIOME)
  const { status, output } = runIn(folder, 'biome', 'ci', '--error-on-warnings')
  assert.equal(status, 0, output)
})

test('the format check fails on a planted violation', (t) => {
  const folder = plant(t, { 'packages/core/src/a.ts': 'export const answer = "42";\n' }, BIOME)
  const { status, output } = runIn(folder, 'biome', 'ci', '--error-on-warnings')
  assert.equal(status, 1)
  assert.match(output, /a\.ts format/)
})

test('the lint check fails on a planted violation', (t) => {
  const folder = plant(t, { 'packages/core/src/a.ts': 'export function f(): void {\n  const unused = 1\n}\n' }, BIOME)
  const { status, output } = runIn(folder, 'biome', 'ci', '--error-on-warnings')
  assert.equal(status, 1)
  assert.match(output, /noUnusedVariables/)
})

test('the lint check fails on files that import each other, if only types', (t) => {
  const files = {
    'packages/core/src/a.ts': "import type { B } from './b.ts'\n\nexport type A = B\n",
    'packages/core/src/b.ts': "import type { A } from './a.ts'\n\nexport type B = readonly A[]\n",
  }
  const { status, output } = runIn(plant(t, files, BIOME), 'biome', 'ci', '--error-on-warnings')
  assert.equal(status, 1)
  assert.match(output, /noImportCycles/)
})

for (const [name, source] of Object.entries(RUNTIME_ACCESS)) {
  test(`the lint check fails on ${name} outside the runtime modules`, (t) => {
    const folder = plant(t, { 'packages/engine/src/a.ts': source }, BIOME)
    const { status, output } = runIn(folder, 'biome', 'ci', '--error-on-warnings')
    assert.equal(status, 1, output)
    assert.match(output, /as a parameter|Name the global itself/)
  })
}

test('runtime modules, composition roots and tests may ask the operating system', (t) => {
  const files = [
    'packages/core/src/runtime.ts',
    'packages/taskyard/src/a.ts',
    'packages/core/test/a.test.ts',
    'bench/a.ts',
  ]
  const source = RUNTIME_ACCESS['Date.now']
  const folder = plant(t, Object.fromEntries(files.map((file) => [file, source])), BIOME)
  const { status, output } = runIn(folder, 'biome', 'ci', '--error-on-warnings')
  assert.equal(status, 0, output)
})

test('the type check fails on a planted violation', (t) => {
  const folder = plant(t, { 'tools/a.ts': "export const answer: number = '42'\n" }, ['tsconfig.json'])
  const { status, output } = runIn(folder, 'tsc', '--noEmit')
  assert.notEqual(status, 0)
  assert.match(output, /TS2322/)
})

test('the dead-code check fails on a file and an export that nothing uses', (t) => {
  const files = {
    'package.json': '{"name":"planted","type":"module","workspaces":["packages/*"]}',
    'packages/a/package.json': '{"name":"a","type":"module","exports":{".":"./src/index.ts"}}',
    'packages/a/src/index.ts': "export { used } from './some.ts'\n",
    'packages/a/src/some.ts': 'export const used = 1\nexport const forgotten = 2\n',
    'packages/a/src/orphan.ts': CLEAN,
  }
  const { status, output } = runIn(plant(t, files, ['knip.json']), 'knip', '--no-progress')
  assert.notEqual(status, 0)
  assert.match(output, /forgotten/)
  assert.match(output, /orphan\.ts/)
})
