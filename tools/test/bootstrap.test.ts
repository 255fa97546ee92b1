import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeBinary } from '@taskyard/test-servers'
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

for (const [name, node] of [
  ['the Node that comes along', async () => process.execPath],
  ['Node 20', () => nodeBinary('20.20.2')],
] as const) {
  test(`the bootstrap, on ${name}, passes arguments, signals and the exit code on`, async () => {
    const args = [join(ROOT, 'tools/bootstrap.mjs'), 'tools/test/support/echo-until-term.ts', 'a b']
    const child = spawn(await node(), args)
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    assert.deepEqual(JSON.parse(String(line)), { arguments: ['a b'], major: 24 })
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    assert.equal(code, 7)
  })
}
