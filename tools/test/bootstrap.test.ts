import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { isInstalled } from '../bootstrap.mjs'
import { plant, ROOT } from './support/plant.ts'

const LOCK = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', optional: true } },
}

test('an installation of another version than the lock file says is renewed', (t) => {
  const folder = plant(t, {
    'package-lock.json': JSON.stringify(LOCK),
    'installed/.package-lock.json': JSON.stringify({ packages: { 'node_modules/a': { version: '0.9.0' } } }),
  })
  assert.equal(isInstalled(folder), false)
})

test('this repository is installed', () => {
  assert.equal(isInstalled(ROOT), true)
})

test('the bootstrap passes arguments, signals and the exit code on', async () => {
  const child = spawn(process.execPath, [
    join(ROOT, 'tools/bootstrap.mjs'),
    'tools/test/support/echo-until-term.ts',
    'a b',
  ])
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  assert.deepEqual(JSON.parse(String(line)), { arguments: ['a b'], major: 24 })
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 7)
})
