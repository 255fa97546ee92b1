import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stores = 0

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

const OPERATIONS = /probes and metrics at (http[^\s"]+)/
const WITHOUT_API = { TASKYARD_ROLES: 'worker,scheduler' }

describe('a process without an API', () => {
  it('answers probes, health and metrics, and nothing else', async () => {
    const { url, stop } = await start({ ...WITHOUT_API, TASKYARD_PORT: '0' })
    for (const path of ['/livez', '/ready', '/readyz', '/health', '/metrics'])
      assert.equal((await fetch(`${url}${path}`)).status, 200, path)
    for (const path of ['/', '/docs', '/api/v1/info', '/api/v1/tasks', '/tasks'])
      assert.equal((await fetch(`${url}${path}`)).status, 404, path)
    const health = (await (await fetch(`${url}/health`)).json()) as { status: string; services: { name: string }[] }
    assert.equal(health.status, 'healthy')
    assert.ok(health.services.some(({ name }) => name === 'sweeper'))
    assert.match(await (await fetch(`${url}/metrics`)).text(), /^taskyard_loop_rounds_total\{loop="sweeper"\} [1-9]/m)
    assert.equal((await stop()).code, 0)
  })

  it('takes a free port where that of the configuration is taken, and says so', async () => {
    const first = await start({ ...WITHOUT_API, TASKYARD_PORT: '0' })
    const second = await start({ ...WITHOUT_API, TASKYARD_PORT: new URL(first.url).port })
    assert.notEqual(second.url, first.url)
    for (const { url } of [first, second]) assert.equal((await fetch(`${url}/readyz`)).status, 200)
    assert.match((await second.stop()).stderr, /probes and metrics are on a free port/)
    await first.stop()
  })

  it('does not start when the port that it was told for them is taken', async () => {
    const first = await start({ ...WITHOUT_API, TASKYARD_OPERATIONS_PORT: '0' })
    const env = { ...WITHOUT_API, ...newStore(), TASKYARD_OPERATIONS_PORT: new URL(first.url).port }
    const { code, stderr } = await runTaskyard(['start'], { env }).ended
    assert.notEqual(code, 0)
    assert.match(stderr, /is in use by Taskyard \d[^;]*, which runs already; end it, .*TASKYARD_OPERATIONS_PORT/)
    await first.stop()
  })

  it('tells programs where they are', async () => {
    const env = { ...WITHOUT_API, ...newStore(), TASKYARD_OPERATIONS_PORT: '0' }
    const running = runTaskyard(['start', '--json'], { env })
    const { url, operationsUrl } = JSON.parse((await running.line(/^\{.*\}$/m))[0])
    assert.equal(url, null)
    assert.equal((await fetch(`${operationsUrl}/livez`)).status, 200)
    await running.stop()
  })
})

it('a server that is told a port for probes and metrics answers them there, and beside its API', async () => {
  const server = await startServerProcess({ env: { ...newStore(), TASKYARD_OPERATIONS_PORT: '0' } })
  const [, operations = ''] = await server.line(OPERATIONS)
  for (const url of [server.url, operations]) assert.equal((await fetch(`${url}/readyz`)).status, 200, url)
  assert.equal((await fetch(`${operations}/api/v1/info`)).status, 404)
  assert.equal((await fetch(`${server.url}/api/v1/info`)).status, 200)
  assert.equal((await server.stop()).code, 0)
})

async function start(env: Readonly<Record<string, string>>) {
  const running = runTaskyard(['start'], { env: { ...newStore(), ...env } })
  const [, url = ''] = await running.line(OPERATIONS)
  return { ...running, url }
}

function newStore() {
  return { TASKYARD_STORE: `sqlite:${join(folder.path, `${++stores}.db`)}` }
}
