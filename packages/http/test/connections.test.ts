import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createReferenceStore, createSimulatedClock } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { openEvents } from './event-source.ts'
import { type Api, startApi } from './start-api.ts'

function open(context: TestContext, base: string): Socket {
  const { hostname, port } = new URL(base)
  const socket = connect(Number(port), hostname)
  // A refusal may reset the connection while there is more to write; what was answered before counts.
  socket.on('error', () => undefined)
  context.after(() => socket.destroy())
  return socket
}

/** Everything the server sends until it closes. */
async function answer(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

const json = (path: string, body: string, length = Buffer.byteLength(body)) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`

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

test('a claim whose client goes away takes nothing', async (context) => {
  const { listen, submit, claim, get } = await startApi(context)
  const base = await listen()
  const controller = new AbortController()
  const gone = fetch(`${base}/api/v1/leases`, {
    method: 'POST',
    signal: controller.signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workerId: 'gone', queues: ['default'], limit: 1, waitSeconds: 60 }),
  })
  // A second request on another connection is answered after the first has begun to wait.
  await fetch(`${base}/livez`)
  controller.abort()
  await assert.rejects(gone)
  const id = await submit({ type: 't' })
  assert.equal((await claim('w2')).id, id)
  assert.equal((await get(`/api/v1/tasks/${id}`)).json().workerId, 'w2')
})

async function untilQueued(get: Api['get'], id: string): Promise<void> {
  while ((await get(`/api/v1/tasks/${id}`)).json().status !== 'queued') await new Promise(setImmediate)
}

/** Claims on a connection of its own; `end` may end it when the answer comes. */
async function claimOnce(
  context: TestContext,
  base: string,
  end: (socket: Socket) => void,
  name: { requestId?: string } = {},
): Promise<void> {
  const socket = open(context, base)
  const body = JSON.stringify({ workerId: 'w1', queues: ['default'], limit: 1, leaseSeconds: 60, ...name })
  socket.write(json('/api/v1/leases', body))
  socket.once('data', () => end(socket))
  await new Promise((resolve) => socket.once('close', resolve))
}

test('a claim whose connection is reset as it is answered gives its task back, but not for ever', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  for (let i = 0; i < 2; i++) {
    await claimOnce(context, base, (socket) => socket.resetAndDestroy())
    await untilQueued(get, id)
  }
  await claimOnce(context, base, (socket) => socket.resetAndDestroy())
  await fetch(`${base}/livez`)
  const { status, attempt, crashes } = (await get(`/api/v1/tasks/${id}`)).json()
  assert.deepEqual({ status, attempt, crashes }, { status: 'running', attempt: 1, crashes: 0 })
})

test('a claim whose connection is reset as it is answered gives its task back when the clock is set', async (context) => {
  const clock = createSimulatedClock()
  const { listen, submit, get } = await startApi(context, { clock })
  const base = await listen()
  const id = await submit({ type: 't' })
  await claimOnce(context, base, (socket) => {
    clock.set(60_000)
    socket.resetAndDestroy()
  })
  await untilQueued(get, id)
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
  const store: OpenedStore = {
    ...createReferenceStore(createSimulatedClock()),
    tasks: {
      ...createReferenceStore(createSimulatedClock()).tasks,
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

test('a claim whose connection is reset gives back nothing that an earlier call of its name was given', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  const name = { requestId: 'r1' }
  await claimOnce(context, base, (socket) => socket.end(), name)
  await claimOnce(context, base, (socket) => socket.resetAndDestroy(), name)
  await fetch(`${base}/livez`)
  assert.equal((await get(`/api/v1/tasks/${id}`)).json().status, 'running')
})

test('a claim whose connection is closed in order keeps its task', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  await claimOnce(context, base, (socket) => socket.end())
  await fetch(`${base}/livez`)
  assert.equal((await get(`/api/v1/tasks/${id}`)).json().status, 'running')
})

test('of claims that are asked for one behind the other all tasks go back when their connection is reset', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const socket = open(context, await listen())
  const ids = [await submit({ type: 't' }), await submit({ type: 't' })]
  const claim = json('/api/v1/leases', JSON.stringify({ workerId: 'w1', queues: ['default'], limit: 1 }))
  socket.write(claim + claim)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
    if (ids.every((id) => text.includes(id))) socket.resetAndDestroy()
  })
  await once(socket, 'close')
  for (const id of ids) await untilQueued(get, id)
})

test('a claim on whose connection more was asked keeps its task when it is reset', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  await claimOnce(context, base, (socket) => {
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    socket.once('data', () => socket.resetAndDestroy())
  })
  await fetch(`${base}/livez`)
  assert.equal((await get(`/api/v1/tasks/${id}`)).json().status, 'running')
})

const claimText = (body: object) =>
  json(
    '/api/v1/leases',
    JSON.stringify({ workerId: 'gone', queues: ['default'], limit: 1, leaseSeconds: 3600, ...body }),
  )
const GET_LIVEZ = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'

/** A connection that its server stopped to read: of all that it asked the first waits for a task that does not end. */
async function unread(context: TestContext, { listen, submit, post, server }: Api, ...texts: readonly string[]) {
  const base = await listen()
  const blocker = await submit({ type: 'blocker', queue: 'elsewhere' })
  const accepted = new Promise<Socket>((resolve) => server.server.once('connection', resolve))
  const socket = open(context, base)
  const paused = accepted.then((connection) => new Promise((resolve) => connection.once('pause', resolve)))
  await accepted
  socket.write([`GET /api/v1/tasks/${blocker}?waitSeconds=60 HTTP/1.1\r\nhost: x\r\n\r\n`, ...texts].join(''))
  await paused
  const endBlocker = () => post(`/api/v1/tasks/${blocker}/cancel`)
  return { base, socket, endBlocker }
}

/** All that the server sends until so many answers have come. */
async function textOfAnswers(socket: Socket, count: number): Promise<string> {
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    if (text.split('HTTP/1.1 ').length > count) return text
  }
  return text
}

test('a claim that waits takes nothing once its connection is not read, for nobody knows whether its client is there', async (context) => {
  const api = await startApi(context)
  const waiting = upTo(7).map(() => claimText({ waitSeconds: 60 }))
  const { base, socket } = await unread(context, api, ...waiting, ...upTo(100).map(() => GET_LIVEZ))
  socket.destroy()
  const id = await api.submit({ type: 't' })
  await fetch(`${base}/livez`)
  assert.equal((await api.get(`/api/v1/tasks/${id}`)).json().status, 'queued')
  assert.equal((await api.claim('w2')).id, id)
})

test('claims that had to wait for others on a connection that was not read are refused, and settlements give none', async (context) => {
  const api = await startApi(context)
  const own = await api.submit({ type: 't' })
  const { lease } = await api.claim('gone')
  for (let n = 0; n < 30; n++) await api.submit({ type: 't' })
  const outcomes = [{ taskId: own, token: lease.token, outcome: 'succeeded' }]
  const claim = { workerId: 'gone', queues: ['default'], limit: 1, leaseSeconds: 3600 }
  const others = [
    ...upTo(70).map(() => GET_LIVEZ),
    ...upTo(20).map(() => claimText({ waitSeconds: 60 })),
    json('/api/v1/leases/settle', JSON.stringify({ outcomes, claim })),
  ]
  const { socket, endBlocker } = await unread(context, api, ...others)
  await endBlocker()
  const text = await textOfAnswers(socket, 92)
  assert.equal(text.split('HTTP/1.1 429 ').length - 1, 20)
  assert.match(text, /"status":"ok"\}\],"tasks":\[\]\}/)
})

test('a body that is too long to be read while its request waits stops claims before it, too', async (context) => {
  const api = await startApi(context)
  const waiting = upTo(7).map(() => claimText({ waitSeconds: 60 }))
  const long = json('/api/v1/tasks', JSON.stringify({ type: 'long', queue: 'elsewhere', payload: 'x'.repeat(900_000) }))
  const { base, socket } = await unread(context, api, ...waiting, long)
  socket.destroy()
  const id = await api.submit({ type: 't' })
  await fetch(`${base}/livez`)
  assert.equal((await api.get(`/api/v1/tasks/${id}`)).json().status, 'queued')
})

test('a claim behind others takes tasks when all that was sent has been read', async (context) => {
  const api = await startApi(context)
  const base = await api.listen()
  const id = await api.submit({ type: 't' })
  const socket = open(context, base)
  socket.write([...upTo(20).map(() => GET_LIVEZ), claimText({})].join(''))
  assert.match(await textOfAnswers(socket, 21), new RegExp(id))
})

const WORDS = {
  heartbeat: (lease: object) => ({ leases: [lease] }),
  record: (lease: object) => ({ entries: [{ ...lease, log: 'it runs' }] }),
  settle: (lease: object) => ({ outcomes: [{ ...lease, outcome: 'succeeded' }] }),
}

for (const [call, bodyOf] of Object.entries(WORDS)) {
  test(`a claim of whose tasks a ${call} was heard elsewhere keeps them when its connection is reset`, async (context) => {
    const { listen, submit, post, get } = await startApi(context)
    const base = await listen()
    const ids = [await submit({ type: 't' }), await submit({ type: 't' })]
    const socket = open(context, base)
    const body = JSON.stringify({ workerId: 'w1', queues: ['default'], limit: 2, leaseSeconds: 60 })
    socket.write(json('/api/v1/leases', body))
    await new Promise((resolve) => socket.once('data', resolve))
    const word = bodyOf({ taskId: ids[0], token: 1 })
    assert.equal((await post(`/api/v1/leases/${call}`, word)).statusCode, 200)
    socket.resetAndDestroy()
    await new Promise((resolve) => socket.once('close', resolve))
    await fetch(`${base}/livez`)
    assert.equal((await get(`/api/v1/tasks/${ids[1]}`)).json().status, 'running')
  })
}

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
