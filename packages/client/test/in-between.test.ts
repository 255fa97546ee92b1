import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@taskyard/client'
import { eventually } from '@taskyard/conformance'
import type { TaskContext } from '@taskyard/core'
import { type OwnAnswer, startInBetween } from './in-between.ts'
import { databaseFile, startRealServer } from './real-server.ts'

const NOT_FOUND: OwnAnswer = { status: 404, body: '404 page not found\n' }
const OWN_ANSWERS: Readonly<Record<string, OwnAnswer>> = {
  'a router without a server': NOT_FOUND,
  'a bound of its own': { status: 413, body: '<html><h1>413 Request Entity Too Large</h1></html>' },
  'a bad gateway': { status: 502, body: '<html><h1>502 Bad Gateway</h1></html>' },
  'a service that is away': { status: 503 },
  'a rate limit': { status: 429, body: 'slow down' },
  'an error in JSON': { status: 400, body: '{"code":"invalid_request","detail":"no such host"}' },
  'a page of maintenance': { status: 200, body: '<html>Back soon</html>' },
  'JSON of something else': { status: 200, body: '{"status":"ok"}' },
  'a way to a login page': { status: 302, headers: { location: '/login' } },
}

type Test = Parameters<typeof databaseFile>[0] & Parameters<typeof startInBetween>[0]

/** A server behind a proxy that gives its own answer to the first two requests of each path. */
async function behindProxy(t: Test, own: OwnAnswer) {
  const server = await startRealServer(await databaseFile(t))
  const seen = new Map<string, number>()
  const url = await startInBetween(t, server.url, (path) => {
    const count = (seen.get(path) ?? 0) + 1
    seen.set(path, count)
    return count <= 2 ? own : null
  })
  const client = new Client({ url, random: () => 0.01 })
  t.after(async () => {
    await client.close()
    await server.stop()
  })
  return { client, seen, direct: server.engine }
}

for (const [what, own] of Object.entries(OWN_ANSWERS)) {
  test(`a proxy that answers with ${what} refuses no result and loses no line`, async (t) => {
    const { client, seen, direct } = await behindProxy(t, own)
    const { task } = await direct.submit({ type: 'work', payload: '1' as never })
    const work = (_: unknown, { log }: TaskContext) => {
      log('a line')
      return 'ok'
    }
    client.work({ work }, { onError: () => {} })
    const ended = await direct.wait(task.id, 60)
    assert.deepEqual([ended.status, ended.result, ended.attempt, ended.crashes], ['succeeded', '"ok"', 1, 0])
    const lines = (await direct.history(task.id)).filter(({ kind }) => kind === 'log')
    assert.equal(lines.length, 1)
    for (const path of ['/settle', '/record', '']) {
      assert.ok((seen.get(`/api/v1/leases${path}`) ?? 0) > 2, `nothing was answered in between at ${path}`)
    }
  })

  test(`a submission that is answered with ${what} is repeated, and adds one task`, async (t) => {
    const { client, seen, direct } = await behindProxy(t, own)
    const { id } = await client.submit('noop', 1)
    assert.equal((await direct.list({})).items.length, 1)
    assert.equal((await direct.get(id)).status, 'queued')
    assert.equal(seen.get('/api/v1/tasks'), 3)
  })
}

test('a proxy that answers heartbeats by itself ends no lease', async (t) => {
  const { client, seen, direct } = await behindProxy(t, NOT_FOUND)
  const { task } = await direct.submit({ type: 'work', payload: '1' as never })
  const work = async (_: unknown, context: TaskContext) => {
    await eventually('a heartbeat is answered', 60_000, () => context.heartbeat.at !== null)
    return context.heartbeat.state
  }
  client.work({ work }, { leaseSeconds: 20, onError: () => {} })
  const ended = await direct.wait(task.id, 60)
  assert.deepEqual([ended.status, ended.result, ended.attempt, ended.crashes], ['succeeded', '"ok"', 1, 0])
  assert.ok((seen.get('/api/v1/leases/heartbeat') ?? 0) > 2)
})

test('what answered, and how, is said plainly', async (t) => {
  const body = `<html>\n  <h1>Not\u0007 here</h1>${'x'.repeat(1000)}`
  const url = await startInBetween(t, 'http://127.0.0.1:9', () => ({ status: 404, body }))
  await assert.rejects(new Client({ url, retrySeconds: 0 }).get('some-id'), (error: Error) => {
    const start = `${url}/api/v1/tasks/some-id cannot be reached: something that is no Taskyard server answered 404 Not Found`
    assert.ok(error.message.startsWith(`${start}, "<html> <h1>Not here</h1>xxx`), error.message)
    assert.ok(error.message.endsWith('xxx…"') && error.message.length < 400, error.message)
    return true
  })
})

test('a cancel is not repeated when something in between answered', async (t) => {
  let asked = 0
  const url = await startInBetween(t, 'http://127.0.0.1:9', () => {
    asked++
    return { status: 503 }
  })
  await assert.rejects(new Client({ url }).cancel('some-id'), {
    code: 'connection_failed',
    message: /answered 503 Service Unavailable, with nothing more/,
    retryable: true,
    definite: false,
  })
  assert.equal(asked, 1)
})

test('a refusal under a code that is not known here is one all the same', async (t) => {
  const problem = (code: string, retryable: boolean) =>
    JSON.stringify({
      type: `https://taskyard.dev/problems/${code}`,
      code,
      detail: 'no {such} thing',
      retryable,
      definite: true,
    })
  const url = await startInBetween(t, 'http://127.0.0.1:9', () => ({ status: 403, body: problem('forbidden', false) }))
  await assert.rejects(new Client({ url }).submit('noop', 1), {
    message: 'no {such} thing',
    retryable: false,
    definite: true,
  })
})
