import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Api, startApi } from './start-api.ts'

const LOOPBACK = { loopbackOnly: true, others: ['yard.example.com'] }
const OPEN = { loopbackOnly: false, others: ['yard.example.com'] }
const EVIL = 'https://evil.example'

function pause(api: Api, headers: Record<string, string>) {
  return api.server.inject({ method: 'POST', url: '/api/v1/queues/q/pause', headers })
}

async function assertRefused(answer: ReturnType<typeof pause>, code: string): Promise<void> {
  const response = await answer
  assert.equal(response.statusCode, 403, response.body)
  assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.equal(response.json().code, code)
}

test('a page of another origin changes nothing', async (context) => {
  const api = await startApi(context, { hosts: LOOPBACK })
  const id = await api.submit({ type: 't' })
  for (const headers of [
    { origin: EVIL },
    { origin: 'null' },
    { origin: 'http://localhost:3000' },
    { origin: 'http://localhost.evil.example' },
    { origin: 'not an origin' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://localhost' },
  ] as Record<string, string>[]) {
    await assertRefused(pause(api, headers), 'cross_origin')
    for (const url of [
      '/api/v1/tasks',
      '/api/v1/tasks/cancel',
      `/api/v1/tasks/${id}/cancel`,
      '/api/v1/leases',
      '/tasks',
    ]) {
      await assertRefused(api.post(url, {}, headers), 'cross_origin')
    }
  }
  const { status } = (await api.get(`/api/v1/tasks/${id}`)).json()
  assert.equal(status, 'queued')
  assert.deepEqual(
    (await api.get('/api/v1/queues')).json().queues.map(({ paused }: { paused: boolean }) => paused),
    [false],
  )
})

test('a page of another origin opens no session, by a request that only reads', async (context) => {
  const api = await startApi(context, { hosts: OPEN })
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: EVIL }] as Record<string, string>[]) {
    await assertRefused(api.get('/api/v1/workers/w/session', headers), 'cross_origin')
    await assertRefused(api.get('/api/v1/workers/w/session?queues=q', headers), 'cross_origin')
  }
  assert.deepEqual((await api.get('/api/v1/workers')).json().workers, [])
})

test('pages of our own and programs go on as before', async (context) => {
  const api = await startApi(context, { hosts: LOOPBACK })
  for (const headers of [
    {},
    { host: 'localhost:8080', origin: 'http://localhost:8080' },
    { host: 'LOCALHOST:8080', origin: 'http://localhost:8080' },
    { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' },
    { host: '[::1]:8080', origin: 'http://[::1]:8080' },
    { 'sec-fetch-site': 'none' },
    { host: 'yard.example.com', origin: 'https://yard.example.com' },
    // A proxy that names its upstream instead of passing on the name that it was called by.
    { host: '127.0.0.1:8080', origin: 'https://yard.example.com' },
    { host: '127.0.0.1:8080', origin: 'https://other.example.com', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-mode': 'cors' },
  ] as Record<string, string>[]) {
    const response = await pause(api, headers)
    assert.equal(response.statusCode, 200, `${JSON.stringify(headers)} ${response.body}`)
  }
})

test('a server on this machine alone is reached by no name that points at it', async (context) => {
  const api = await startApi(context, { hosts: LOOPBACK })
  for (const host of [
    'rebound.evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '0.0.0.0',
    '10.0.0.1',
    '[::2]',
  ]) {
    for (const url of ['/api/v1/tasks', '/api/v1/info', '/docs', '/metrics', '/openapi.json']) {
      await assertRefused(api.get(url, { host }), 'unknown_host')
    }
    await assertRefused(pause(api, { host }), 'unknown_host')
  }
  for (const host of [
    'localhost',
    'localhost.',
    'yard.localhost:1',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]',
    'Yard.Example.com',
  ]) {
    assert.equal((await api.get('/api/v1/info', { host })).statusCode, 200, host)
  }
})

test('a server that listens elsewhere is reached by any name', async (context) => {
  const api = await startApi(context, { hosts: OPEN })
  assert.equal((await pause(api, { host: 'taskyard.svc.cluster.local' })).statusCode, 200)
  assert.equal((await pause(api, { host: '10.1.2.3:8080', origin: 'http://10.1.2.3:8080' })).statusCode, 200)
})

test('the address of a session may be spelled as it will: a page of another origin opens none', async (context) => {
  const api = await startApi(context, { hosts: OPEN })
  for (const url of [
    '/api/v1/workers/w/session',
    '/api/v1/workers/w/sess%69on',
    '/%61pi/v1/workers/w/session',
    '/api/v1/w%6frkers/w/session?startId=s',
  ]) {
    await assertRefused(api.server.inject({ method: 'GET', url, headers: { origin: EVIL } }), 'cross_origin')
  }
})
