import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { boundPipelining } from '../src/pipelining.ts'

const MOST_UNDER_WAY = 8
const MOST_WAITING = 64
const CHUNK_BYTES = 65_536

/** A server whose answers are long; each waits for the gate. */
async function testBed(
  context: TestContext,
  { answerBytes = 100_000, gate = Promise.resolve(), gateOf = (_n: number) => gate } = {},
) {
  const server = Fastify({ serverFactory: (serve) => createServer(boundPipelining(serve)) })
  const seen = { started: [] as number[], underWay: 0, mostUnderWay: 0, unanswered: 0, mostUnanswered: 0 }
  server.server.on('request', (_, response) => {
    seen.mostUnanswered = Math.max(seen.mostUnanswered, ++seen.unanswered)
    response.once('close', () => seen.unanswered--)
  })
  server.get<{ Params: { n: string } }>('/:n', async (request, reply) => {
    seen.started.push(Number(request.params.n))
    seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay)
    reply.raw.prependOnceListener('close', () => seen.underWay--)
    await gateOf(Number(request.params.n))
    return `<${request.params.n}>${'x'.repeat(answerBytes)}`
  })
  server.post('/echo', async (request) => `<${(request.body as { n: number }).n}>`)
  server.get('/last', async (_, reply) => {
    await gate
    return reply.header('connection', 'close').send('bye')
  })
  server.get('/other', async () => 'ok')
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  const [accepted] = (await once(server.server, 'connection')) as [Socket]
  context.after(() => {
    socket.destroy()
    return server.close()
  })
  /** When it has been answered a few times the server has had its time for what it had read before. */
  const others = async () => {
    for (let n = 0; n < 5; n++) assert.equal((await fetch(`${url}/other`)).status, 200)
  }
  return { seen, socket, accepted, others }
}

const ask = (n: number, padding = 0) => `GET /${n} HTTP/1.1\r\nhost: x\r\nx-padding: ${'p'.repeat(padding)}\r\n\r\n`
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

/** The numbers of so many answers, in the order in which they come. */
async function answers(socket: Socket, count: number): Promise<readonly number[]> {
  const numbers: number[] = []
  let rest = ''
  for await (const chunk of socket) {
    rest += chunk
    for (const [, n] of rest.matchAll(/<(\d+)>/g)) numbers.push(Number(n))
    rest = rest.slice(rest.lastIndexOf('>') + 1).replace(/^x+/, '')
    if (numbers.length >= count) break
  }
  return numbers
}

test('of the requests that one connection pipelines eight are under way at a time, and answered in order', async (context) => {
  const gate = Promise.withResolvers<void>()
  const { seen, socket, others } = await testBed(context, { gate: gate.promise })
  socket.write(
    upTo(60)
      .map((n) => ask(n))
      .join(''),
  )
  while (seen.unanswered < 60) await others()
  assert.deepEqual(seen.started, upTo(MOST_UNDER_WAY))
  gate.resolve()
  assert.deepEqual(await answers(socket, 60), upTo(60))
  assert.deepEqual(seen.started, upTo(60))
  assert.equal(seen.mostUnderWay, MOST_UNDER_WAY)
})

test('eight are under way after each answer, too, and on a connection that pipelines a second time', async (context) => {
  const gates = upTo(40).map(() => Promise.withResolvers<void>())
  const gateOf = (n: number) => (gates[n] as PromiseWithResolvers<void>).promise
  const { seen, socket, others } = await testBed(context, { answerBytes: 10, gateOf })
  for (const first of [0, 20]) {
    const last = first + 20
    socket.write(
      upTo(last)
        .slice(first)
        .map((n) => ask(n))
        .join(''),
    )
    while (seen.unanswered < 20) await others()
    for (let n = first; n < last; n++) {
      assert.deepEqual(seen.started, upTo(Math.min(n + MOST_UNDER_WAY, last)), `${n - first} are answered`)
      gates[n]?.resolve()
      assert.match(String(await once(socket, 'data')), new RegExp(`<${n}>`))
      await others()
    }
  }
})

test('a request whose answer nobody reads stays under way', async (context) => {
  const { seen, socket, others } = await testBed(context, { answerBytes: 10_000_000 })
  socket.write(
    upTo(60)
      .map((n) => ask(n))
      .join(''),
  )
  while (seen.started.length < MOST_UNDER_WAY) await others()
  await others()
  assert.ok(
    seen.started.length <= MOST_UNDER_WAY + 2,
    `${seen.started.length}, where buffers of sockets hold one or two`,
  )
})

test('a connection is not read on while many requests wait, and then it is', async (context) => {
  const gate = Promise.withResolvers<void>()
  const { seen, socket, accepted, others } = await testBed(context, { answerBytes: 10, gate: gate.promise })
  const paused = once(accepted, 'pause')
  socket.write(
    upTo(2000)
      .map((n) => ask(n, 1000))
      .join(''),
  )
  await paused
  await others()
  gate.resolve()
  assert.deepEqual(await answers(socket, 2000), upTo(2000))
  const most = MOST_UNDER_WAY + MOST_WAITING + CHUNK_BYTES / 1000
  assert.ok(seen.mostUnanswered <= most, `${seen.mostUnanswered} had been read`)
})

test('a body that is cut by the end of what is read arrives when its turn comes', async (context) => {
  const gate = Promise.withResolvers<void>()
  const { socket, accepted } = await testBed(context, { answerBytes: 10, gate: gate.promise })
  const paused = once(accepted, 'pause')
  const post = (n: number) => {
    const body = JSON.stringify({ n, padding: 'p'.repeat(100_000) })
    const head = `POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    return head + body
  }
  const gets = MOST_UNDER_WAY + MOST_WAITING - 1
  socket.write(
    upTo(gets)
      .map((n) => ask(n))
      .join('') +
      post(gets) +
      post(gets + 1) +
      ask(gets + 2),
  )
  await paused
  gate.resolve()
  assert.deepEqual(await answers(socket, gets + 3), upTo(gets + 3))
})

test('what waits when its client goes away is not started', async (context) => {
  const gate = Promise.withResolvers<void>()
  const { seen, socket, accepted, others } = await testBed(context, { gate: gate.promise })
  socket.write(
    upTo(20)
      .map((n) => ask(n))
      .join(''),
  )
  while (seen.unanswered < 20) await others()
  const gone = once(accepted, 'close')
  socket.destroy()
  await gone
  gate.resolve()
  await others()
  assert.deepEqual(seen.started, upTo(MOST_UNDER_WAY))
})

test('what waits behind an answer that closes the connection is not started', async (context) => {
  const gate = Promise.withResolvers<void>()
  const { seen, socket, accepted, others } = await testBed(context, { gate: gate.promise })
  const closed = once(accepted, 'close')
  socket.resume().write(['GET /last HTTP/1.1\r\nhost: x\r\n\r\n', ...upTo(20).map((n) => ask(n))].join(''))
  while (seen.unanswered < 21) await others()
  gate.resolve()
  await closed
  await others()
  assert.deepEqual(seen.started, upTo(MOST_UNDER_WAY - 1))
})
