import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { json, open } from './raw-connection.ts'
import { type Api, startApi } from './start-api.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

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
  more: { requestId?: string; leaseSeconds?: number } = {},
): Promise<void> {
  const socket = open(context, base)
  const body = JSON.stringify({ workerId: 'w1', queues: ['default'], limit: 1, leaseSeconds: 60, ...more })
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

test('a task whose claims do not get their answers is not taken for one that brings its worker down', async (context) => {
  const { listen, submit, get } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  const statusOf = async () => (await get(`/api/v1/tasks/${id}`)).json().status
  for (let i = 0; i < 3; i++) {
    await claimOnce(context, base, (socket) => socket.end(), { requestId: 'r1', leaseSeconds: 1 })
    while ((await statusOf()) === 'running') await new Promise(setImmediate)
  }
  assert.equal(await statusOf(), 'queued')
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

test('of claims that are asked for one behind the other those keep their tasks that were answered long before the reset', async (context) => {
  const clock = createSimulatedClock()
  const { listen, submit, get } = await startApi(context, { clock })
  const socket = open(context, await listen())
  const early = await submit({ type: 't' })
  const claim = JSON.stringify({ workerId: 'w1', queues: ['default'], limit: 1, leaseSeconds: 60, waitSeconds: 30 })
  socket.write(json('/api/v1/leases', claim).repeat(2))
  await untilRead(socket, early)
  await clock.advance(7000)
  const late = await submit({ type: 't' })
  await untilRead(socket, late)
  socket.resetAndDestroy()
  await untilQueued(get, late)
  assert.equal((await get(`/api/v1/tasks/${early}`)).json().status, 'running')
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

async function untilRead(socket: Socket, word: string): Promise<void> {
  for (let text = ''; !text.includes(word); ) text += await once(socket, 'data')
}

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
  assert.match(text, /"status":"ok","taskStatus":"succeeded"\}\],"tasks":\[\]\}/)
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
