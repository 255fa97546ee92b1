import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { createReferenceStore, createSimulatedClock } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { openEvents } from './event-source.ts'
import { answer, json, open } from './raw-connection.ts'
import { startApi } from './start-api.ts'

const NOT_HTTP: readonly (readonly [name: string, bytes: string, status: number])[] = [
  ['noise', '\x00\x01\x02\xff\r\n\r\n', 400],
  ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['an unknown method', 'FROB / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['a bad header line', 'GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n', 400],
  ['a bad length', 'POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n', 400],
  ['two lengths', 'POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
  [
    'length and chunks',
    'POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    400,
  ],
  [
    'a bad chunk size',
    'POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    400,
  ],
  ['a head that is too long', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
]

test('a HEAD that is refused for its length is answered without a body', async (context) => {
  const { listen } = await startApi(context)
  const socket = open(context, await listen())
  socket.write(`HEAD /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)
  const text = await answer(socket)
  assert.match(text, /^HTTP\/1.1 431 /)
  assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4), '')
})

test('what is not HTTP is refused with a problem document and the connection closed', async (context) => {
  const { listen, get } = await startApi(context)
  const base = await listen()
  for (const [name, bytes, status] of NOT_HTTP) {
    await context.test(name, async (inner) => {
      const socket = open(inner, base)
      socket.write(bytes, 'latin1')
      const text = await answer(socket)
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(text, /content-type: application\/problem\+json/)
      const problem = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))
      assert.equal(problem.status, status)
    })
  }
  assert.equal((await get('/livez')).statusCode, 200)
})

test('what is not HTTP behind other requests only closes the connection', async (context) => {
  const { listen, submit } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  const waiting = open(context, base)
  waiting.write(`GET /api/v1/tasks/${id}?waitSeconds=60 HTTP/1.1\r\nhost: x\r\n\r\nnoise\r\n\r\n`)
  assert.equal(await answer(waiting), '')
  const streaming = open(context, base)
  streaming.write('GET /api/v1/workers/w1/session HTTP/1.1\r\nhost: x\r\n\r\n')
  streaming.once('data', () => streaming.write('noise\r\n\r\n'))
  assert.match(await answer(streaming), /^HTTP\/1.1 200 (?!.*HTTP\/1.1)/s)
})

test('a body that announces more than 1 MiB is refused before it arrives', async (context) => {
  const { listen } = await startApi(context)
  const socket = open(context, await listen())
  socket.write(json('/api/v1/tasks', '{', 2_000_000))
  assert.match(await answer(socket), /^HTTP\/1.1 413 .*"code":"too_large"/s)
})

test('a body without end is cut off at 1 MiB', async (context) => {
  const { listen } = await startApi(context)
  const socket = open(context, await listen())
  const answered = answer(socket)
  socket.write(
    'POST /api/v1/tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  for (let sent = 0; sent < 64 && socket.writable; sent++) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
  }
  assert.match(await answered, /^HTTP\/1.1 413 /)
})

test('a request that does not arrive in time is refused', async (context) => {
  const { listen } = await startApi(context, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } })
  const base = await listen()
  for (const start of ['GET /livez HTTP/1.1\r\nhos', json('/api/v1/tasks', '{"type":', 100)]) {
    const socket = open(context, base)
    socket.write(start)
    assert.match(await answer(socket), /^HTTP\/1.1 408 .*problem\+json/s)
  }
})

test('a server whose draining has begun before it takes no new work', async (context) => {
  const { listen, post } = await startApi(context, { draining: AbortSignal.abort() })
  const refused = await post('/api/v1/tasks', { type: 't', payload: null })
  assert.deepEqual([refused.statusCode, refused.json().code], [503, 'shutting_down'])
  assert.equal((await fetch(`${await listen()}/livez`)).headers.get('connection'), 'close')
})

test('submissions that wait for a key that a transaction holds are answered when draining begins', async (context) => {
  const draining = new AbortController()
  const waiting = new Set<string>()
  const allWait = Promise.withResolvers<void>()
  const reference = createReferenceStore(createSimulatedClock())
  const store: OpenedStore = {
    ...reference,
    tasks: {
      ...reference.tasks,
      async enqueue({ submissions }) {
        for (const { tasks } of submissions) waiting.add(tasks[0]?.id ?? '')
        if (waiting.size === 3) allWait.resolve()
        return submissions.map(() => ({ kind: 'idempotency-key-held', key: 'k' }))
      },
    },
  }
  const { post } = await startApi(context, { draining: draining.signal, engine: { store } })
  const task = { type: 't', payload: null }
  const calls = [
    post('/api/v1/tasks', task, { 'idempotency-key': 'k' }),
    post('/api/v1/tasks/batch', { tasks: [{ ...task, idempotencyKey: 'k' }] }),
    post('/tasks', task, { 'idempotency-key': 'k' }),
  ]
  await allWait.promise
  draining.abort()
  for (const { statusCode, json } of await Promise.all(calls)) {
    assert.deepEqual([statusCode, json().code, json().definite], [503, 'shutting_down', true])
  }
})

test('closing ends long polls and streams, and takes no new work', async (context) => {
  const { listen, submit, post, server } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't', queue: 'elsewhere' })
  const session = await openEvents(context, `${base}/api/v1/workers/w1/session?queues=default`)
  await session.next()
  const events = await openEvents(context, `${base}/api/v1/tasks/${id}/events`)
  await events.next()
  const claim = post('/api/v1/leases', { workerId: 'w1', queues: ['default'], limit: 1, waitSeconds: 60 })
  const wait = fetch(`${base}/api/v1/tasks/${id}?waitSeconds=60`)
  await fetch(`${base}/livez`)

  // A connection that is busy with a request when the close starts may still ask for more.
  const busy = open(context, base)
  const body = '{"type":"t","payload":1}'
  busy.write(json('/api/v1/tasks', '', body.length))
  await fetch(`${base}/livez`)
  const closed = server.close()
  assert.deepEqual((await claim).json(), { tasks: [] })
  assert.equal(((await (await wait).json()) as { status: string }).status, 'queued')
  assert.equal(await session.next(), null)
  assert.equal(await events.next(), null)
  busy.write(body)
  assert.match(await answer(busy), /^HTTP\/1.1 503 .*"code":"shutting_down"/s)
  await closed
  await assert.rejects(fetch(`${base}/livez`))
})

test('a connection that never asked for anything does not hold up the close', async (context) => {
  const { listen, server } = await startApi(context)
  const socket = open(context, await listen())
  await new Promise((resolve) => server.server.once('connection', resolve))
  const ended = answer(socket)
  await server.close()
  assert.equal(await ended, '')
})

type Looked = (error: null, found: { address: string; family: number }[]) => void

test('a name that has several addresses gets one server, not a second past all limits', async (context) => {
  const { server } = await startApi(context)
  const both = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  const lookup = context.mock.method(dns, 'lookup', (name: string, _options: object, done: Looked) =>
    done(null, name === 'localhost' ? both : [{ address: name, family: 4 }]),
  )
  await server.listen({ host: 'localhost', port: 0 })
  assert.ok(lookup.mock.callCount() > 0)
  assert.equal(server.addresses().length, 1)
  const { port } = server.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.2')
  await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' })
})

test('a request that asks for another protocol is the last of its connection: nothing behind it gets a wrong answer', async (context) => {
  const api = await startApi(context)
  const socket = open(context, await api.listen())
  const upgrade = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk'
  socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\n${upgrade}\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.match(text, /connection: close/i)
  assert.equal(text.split('HTTP/1.1 ').length, 2)
})

test('HTTPS to the port is told in the log, once a minute', async (context) => {
  const { listen, warned } = await startApi(context)
  const base = await listen()
  for (let i = 0; i < 2; i++) {
    const socket = open(context, base)
    socket.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1')
    await answer(socket)
  }
  assert.equal(warned.length, 1)
  assert.match(warned[0] ?? '', /speaks HTTPS to this port, which speaks HTTP/)
})
