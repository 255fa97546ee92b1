import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { plant, ROOT } from './support/plant.ts'

const PASSING = "import { test } from 'node:test'\ntest('a', () => {})\ntest('b', { skip: true }, () => {})\n"

test('a green run ends with its figures', (t) => {
  const { status, lastLine } = runTests(t, { 'a.test.mjs': PASSING })
  assert.equal(lastLine, '1 passed, 0 failed, 1 skipped')
  assert.equal(status, 0)
})

test('a run fails with a test that throws or does not end, and with a file that exits or cannot be loaded', (t) => {
  const { status, lastLine } = runTests(t, {
    'a.test.mjs': PASSING,
    'b.test.mjs': "import { test } from 'node:test'\ntest('throws', () => { throw new Error('no') })\n",
    'c.test.mjs': "import { test } from 'node:test'\ntest('waits', { timeout: 50 }, () => new Promise(() => {}))\n",
    'd.test.mjs': 'process.exit(3)\n',
    'e.test.mjs': "import './absent.mjs'\n",
  })
  assert.equal(lastLine, '1 passed, 4 failed, 1 skipped')
  assert.equal(status, 1)
})

test('a run without any test fails', (t) => {
  const { status, lastLine } = runTests(t, {})
  assert.equal(lastLine, '0 passed, 1 failed, 0 skipped')
  assert.equal(status, 1)
})

test('a test that hangs tells what it waits for, and those after it run', (t) => {
  const { lastLine, errors } = runTests(t, {
    'a.test.mjs': `import { test } from 'node:test'
      import { EventEmitter, once } from 'node:events'
      const asked = new EventEmitter()
      async function answer() { await once(asked, 'answer') }
      test('waits', { timeout: 50 }, () => answer())
      test('passes', () => asked.emit('question'))`,
  })
  assert.equal(lastLine, '1 passed, 1 failed, 0 skipped')
  assert.match(errors, /"waits" hangs/)
  assert.match(errors, /answer \(.*a\.test\.mjs:4\)/)
})

test('a file that does not end after its tests is ended, and has failed', (t) => {
  const { status, errors } = runTests(
    t,
    { 'a.test.mjs': "import { test } from 'node:test'\ntest('a', () => {})\nsetInterval(() => {}, 1000)\n" },
    { TEST_IDLE_MS: '500' },
  )
  assert.equal(status, 1)
  assert.match(errors, /No test runs, and the process does not end/)
})

function runTests(t: TestContext, files: Readonly<Record<string, string>>, settings: NodeJS.ProcessEnv = {}) {
  const folder = plant(t, files)
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const env = { ...inherited, ...settings }
  const patterns = join(relative(ROOT, folder), '*.test.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/run-tests.ts', patterns], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  })
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1), errors: stdout + stderr }
}
