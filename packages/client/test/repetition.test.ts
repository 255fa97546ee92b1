import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@taskyard/client'
import { systemClock } from '@taskyard/core/runtime'
import { cut, fakeServer, json } from './fake-server.ts'

const impatient = { retrySeconds: 5, random: () => 0 }
const type = (code: string) => ({ type: `https://taskyard.dev/problems/${code}`, code })
const full = { ...type('store_full'), detail: 'The store has no space left', status: 503 }

test('a submit whose answer was lost is repeated under the same key', async (t) => {
  const { url, seen } = await fakeServer(t, (n, _, response) =>
    n === 0 ? cut(response) : json(response, { id: 'x', status: 'queued' }, 202),
  )
  const client = new Client({ url, ...impatient })
  assert.equal((await client.submit('email', { to: 'ada' })).id, 'x')
  assert.equal(seen.length, 2)
  assert.match(String(seen[0]?.headers['idempotency-key']), /^auto-/)
  assert.equal(seen[1]?.headers['idempotency-key'], seen[0]?.headers['idempotency-key'])
  assert.deepEqual(JSON.parse(seen[1]?.body ?? ''), { type: 'email', payload: { to: 'ada' } })
})

for (const [name, call] of [
  ['submitMany', (client: Client) => client.submitMany([{ type: 'a', payload: 1 }])],
  ['cancel', (client: Client) => client.cancel('x')],
  ['retry', (client: Client) => client.retry('x')],
  ['retryMatching', (client: Client) => client.retryMatching({ queue: 'a' })],
] as const) {
  test(`${name} is not repeated once it may have been done`, async (t) => {
    const { url, seen } = await fakeServer(t, (_n, _seen, response) => cut(response))
    await assert.rejects(call(new Client({ url, ...impatient })), { code: 'connection_failed' })
    assert.equal(seen.length, 1)
  })

  test(`${name} is repeated when it certainly was not done`, async (t) => {
    const { url, seen } = await fakeServer(t, (n, _, response) =>
      n === 0 ? json(response, full, 503) : json(response, { id: 'x', status: 'queued', tasks: [], matched: 0 }),
    )
    await call(new Client({ url, ...impatient }))
    assert.equal(seen.length, 2)
  })
}

test('a refusal is not repeated', async (t) => {
  const { url, seen } = await fakeServer(t, (_n, _seen, response) =>
    json(
      response,
      {
        ...type('invalid_payload'),
        detail: 'to is missing',
        errors: [{ path: '/payload/to', message: 'is required' }],
      },
      422,
    ),
  )
  await assert.rejects(new Client({ url, ...impatient }).submit('email', {}), {
    code: 'invalid_payload',
    message: 'to is missing',
    violations: [{ path: '/payload/to', message: 'is required' }],
  })
  assert.equal(seen.length, 1)
})

test('repetition ends after retrySeconds with the last error', async (t) => {
  const { url } = await fakeServer(t, (_n, _seen, response) => json(response, full, 503, { 'retry-after': '1' }))
  const startedAt = Date.now()
  await assert.rejects(new Client({ url, ...impatient, retrySeconds: 1.5 }).queues(), { code: 'store_full' })
  const took = Date.now() - startedAt
  assert.ok(took >= 900 && took < 2500, `${took} ms`)
})

/** Goes by the machine's, but was set back by an hour once `wasSet()`. */
const setBack = (wasSet: () => boolean) => ({
  ...systemClock,
  now: () => systemClock.now() - (wasSet() ? 3_600_000 : 0),
})

test('repetition ends after retrySeconds when the clock is set back', async (t) => {
  const { url, seen } = await fakeServer(t, (n, _, response) =>
    n < 4 ? json(response, full, 503, { 'retry-after': '1' }) : json(response, { queues: [] }),
  )
  const clock = setBack(() => seen.length > 0)
  const client = new Client({ url, ...impatient, retrySeconds: 1.5, clock })
  await assert.rejects(client.queues(), { code: 'store_full' })
})

test('a wait ends after its seconds when the clock is set back', async (t) => {
  const { url, seen } = await fakeServer(t, (n, _, response) =>
    json(response, { id: 'x', status: n < 6 ? 'running' : 'succeeded' }),
  )
  const client = new Client({ url, ...impatient, clock: setBack(() => seen.length > 1) })
  assert.equal((await client.wait('x', { timeoutSeconds: 1 })).status, 'running')
})

test('nobody listening is connection_failed and says where and why', async () => {
  const client = new Client({ url: 'http://127.0.0.1:9', retrySeconds: 0 })
  await assert.rejects(client.info(), { code: 'connection_failed', message: /127\.0\.0\.1:9 .*ECONNREFUSED|bad port/ })
})

test('an answer that does not come in time is connection_failed', async (t) => {
  const { url } = await fakeServer(t, () => {})
  await assert.rejects(new Client({ url, retrySeconds: 0, timeoutSeconds: 0.1 }).info(), {
    code: 'connection_failed',
    message: /no answer within 0.1 s/,
  })
})

test('headers, credentials and a path in the URL are kept', async (t) => {
  const { url, seen } = await fakeServer(t, (_n, _seen, response) => json(response, { nodeId: 'n', version: '1' }))
  const { host } = new URL(url)
  await new Client({ url: `http://ada:p%40ss@${host}/base/`, headers: { 'x-tenant': 'a' } }).info()
  assert.equal(seen[0]?.url, '/base/api/v1/info')
  assert.equal(seen[0]?.headers['x-tenant'], 'a')
  assert.equal(seen[0]?.headers.authorization, `Basic ${Buffer.from('ada:p@ss').toString('base64')}`)
})

test('a closed client ends what waits and takes no more calls', async (t) => {
  const { url } = await fakeServer(t, (n, _, response) => {
    if (n === 0) json(response, { id: 'x', status: 'queued' })
  })
  const client = new Client({ url })
  const waiting = client.wait('x')
  const refused = assert.rejects(waiting, { code: 'closed', message: /^This Client was closed/ })
  await client.close()
  await client.close()
  await refused
  await assert.rejects(client.info(), { code: 'closed' })
})

for (const url of ['', 'localhost:8080', 'ftp://host', '/api']) {
  test(`"${url}" is refused as a URL`, () => {
    assert.throws(() => new Client({ url }), { code: 'invalid_configuration' })
  })
}
