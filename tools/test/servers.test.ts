import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { plant, ROOT } from './support/plant.ts'

test('servers run from start to stop, and every start says where', async (t) => {
  const servers = commandIn(t)
  t.after(() => servers('stop'))
  const exports = servers('start').stdout
  const urls = [...exports.matchAll(/^export TEST_(POSTGRES|REDIS|MONGODB)_URL='(.*)'$/gm)].map(
    ([, , url]) => url ?? '',
  )
  assert.equal(urls.length, 3, exports)
  for (const url of urls) assert.equal(await accepts(url), true, url)
  assert.equal(servers('start').stdout, exports)
  assert.equal(servers('status').stdout, exports)
  servers('stop')
  assert.match(servers('status').stderr, /no test servers are running/)
  for (const url of urls) await eventually(`${url} is away`, 60_000, async () => !(await accepts(url)))
})

test('a word that is no command is answered with those that are', (t) => {
  const { status, stderr } = commandIn(t)('begin')
  assert.equal(status, 2)
  assert.match(stderr, /start \| stop \| status/)
})

/** The command with a folder of the test's own, in an environment that names no servers. */
function commandIn(t: TestContext) {
  const folder = plant(t, {})
  const { TEST_POSTGRES_URL: _, TEST_REDIS_URL: __, TEST_MONGODB_URL: ___, ...env } = process.env
  return (command: string) =>
    spawnSync(process.execPath, ['tools/servers.ts', command, folder], { cwd: ROOT, env, encoding: 'utf8' })
}

function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).finally(() => socket.destroy())
}
