import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { trackAnswers } from '../src/open-answers.ts'
import { boundUnreadAnswers, sentBytes } from '../src/unread-answers.ts'
import { startApi } from './start-api.ts'

/** More than the buffers of sockets hold. */
const ANSWER_BYTES = 30_000_000
const STALLED_MS = 60_000

/** A server whose answers are long; only those to `/held` wait for the gate. */
async function testBed(context: TestContext, mostBytes = Number.POSITIVE_INFINITY) {
  const clock = createSimulatedClock()
  const gate = Promise.withResolvers<void>()
  const server = createServer(async ({ url }, response) => {
    if (url === '/held') await gate.promise
    response.end('x'.repeat(ANSWER_BYTES))
  })
  const noteLargeAnswer = boundUnreadAnswers(server, trackAnswers(server), clock, mostBytes)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  /** A client that reads nothing until told to, and what the server has of its connection. */
  async function client(...paths: readonly string[]): Promise<{ socket: Socket; accepted: Socket }> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    context.after(() => socket.destroy())
    const [accepted] = (await once(server, 'connection')) as [Socket]
    let requests = 0
    const seen = Promise.withResolvers<void>()
    if (paths.length === 0) seen.resolve()
    server.on('request', (request) => {
      if (request.socket === accepted && ++requests === paths.length) seen.resolve()
    })
    socket.pause().write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''))
    await seen.promise
    return { socket, accepted }
  }
  return { clock, gate, client, noteLargeAnswer }
}

test('a connection that takes nothing of its answer for a minute is cut off', async (context) => {
  const { clock, client } = await testBed(context)
  const { accepted } = await client('/')
  const begin = clock.now()
  while (!accepted.destroyed) await clock.advance(1000)
  assert.ok(clock.now() - begin >= STALLED_MS)
})

test('one that takes some of it every 50 seconds is not', async (context) => {
  const { clock, client } = await testBed(context)
  const { socket, accepted } = await client('/')
  for (let round = 0; round < 4; round++) {
    const sent = sentBytes(accepted)
    for (socket.resume(); sentBytes(accepted) === sent; ) await once(socket, 'data')
    socket.pause()
    await clock.advance(50_000)
    assert.equal(accepted.destroyed, false)
  }
})

test('answers that wait for the one before them are not stalled', async (context) => {
  const { clock, gate, client } = await testBed(context)
  const { socket, accepted } = await client('/held', '/')
  await clock.advance(10 * STALLED_MS)
  assert.equal(accepted.destroyed, false)
  gate.resolve()
  let bytes = 0
  for await (const chunk of socket) {
    bytes += chunk.length
    if (bytes > 2 * ANSWER_BYTES) break
  }
})

test('connections that have read all of their answers, or asked for none, are left alone', async (context) => {
  const { clock, client } = await testBed(context, 0)
  const { accepted: silent } = await client()
  const { socket, accepted } = await client('/')
  for (let bytes = 0; bytes < ANSWER_BYTES; ) bytes += (await once(socket.resume(), 'data'))[0].length
  while (accepted.writableLength > 0) await new Promise(setImmediate)
  await clock.advance(10 * STALLED_MS)
  assert.deepEqual([silent.destroyed, accepted.destroyed], [false, false])
})

test('when too much waits those are cut off that have taken nothing for longest', async (context) => {
  const { clock, client } = await testBed(context, 2.5 * ANSWER_BYTES)
  const { accepted: first } = await client('/')
  await clock.advance(10_000)
  const { accepted: second } = await client('/')
  await clock.advance(10_000)
  assert.deepEqual([first.destroyed, second.destroyed], [false, false])
  const { accepted: third } = await client('/')
  await clock.advance(1000)
  assert.deepEqual([first.destroyed, second.destroyed, third.destroyed], [true, false, false])
})

test('answers that wait for others are counted, and the largest go first', async (context) => {
  const { clock, client } = await testBed(context, 2.5 * ANSWER_BYTES)
  const { accepted: small } = await client('/')
  const { accepted: large } = await client('/held', '/', '/')
  await clock.advance(1000)
  assert.deepEqual([small.destroyed, large.destroyed], [false, true])
})

test('many large answers are not left to the timer', async (context) => {
  const { client, noteLargeAnswer } = await testBed(context, 1.5 * ANSWER_BYTES)
  const clients = [await client('/'), await client('/'), await client('/')]
  noteLargeAnswer(ANSWER_BYTES)
  assert.deepEqual(clients.map(({ accepted }) => accepted.destroyed).sort(), [false, true, true])
})

test('the API cuts off who does not read', async (context) => {
  const { listen, submit } = await startApi(context, { limits: { unreadBytes: 1_000_000 } })
  const base = new URL(await listen())
  for (let n = 0; n < 5; n++) await submit({ type: 't', payload: 'x'.repeat(900_000) })
  const socket = connect(Number(base.port), base.hostname).on('error', () => {})
  context.after(() => socket.destroy())
  socket.pause().write('GET /api/v1/tasks HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(8))
  // Nothing is read, so that only writing tells of the end.
  while (!socket.destroyed) await new Promise<void>((resolve) => socket.write('\r\n', () => setImmediate(resolve)))
})
