import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { Client } from '@taskyard/client'
import { createSimulatedClock } from '@taskyard/conformance'
import type { Clock } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import fc from 'fast-check'
import { readEvents, type ServerSentEvent } from '../src/server-sent-events.ts'
import { openWorkerSession } from '../src/worker-session.ts'
import { cut, fakeServer, json } from './fake-server.ts'

const worker = { workerId: 'w 1', queues: ['a', 'b'], types: ['t'], startId: 'start-1', concurrency: 3 }

function startStream(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(text)
}

/** Two and a half pings of 2 s. */
const PING_SILENCE_MS = 5000
const UNREAD_MS = 100
const LONGEST_RETRY_MS = 1000

function session(url: string, more: { silenceMs?: number; clock?: Clock } = {}) {
  const cancelled: string[] = []
  const heard = Promise.withResolvers<void>()
  const reports: string[] = []
  const reporting = new EventEmitter<{ report: [string] }>()
  const opened = openWorkerSession({
    address: { url, headers: {} },
    clock: systemClock,
    random: () => 0.1,
    worker,
    onCancel: (taskId) => {
      cancelled.push(taskId)
      heard.resolve()
    },
    report: (error) => {
      reports.push(String(error))
      reporting.emit('report', String(error))
    },
    ...more,
  })
  const nextReport = async () => (await once(reporting, 'report'))[0]
  return { ...opened, cancelled, heard: heard.promise, reports, nextReport }
}

test('a session says who the worker is, and hears cancels', async (t) => {
  const { url, seen } = await fakeServer(t, (_n, _seen, response) =>
    startStream(
      response,
      'event: ready\ndata: {"graceSeconds":5}\n\n: ping\n\nevent: cancel\ndata: {"taskId":"x"}\n\n',
    ),
  )
  const { opened, heard, cancelled, close } = session(url)
  await Promise.all([opened, heard])
  await close()
  assert.equal(seen[0]?.url, '/api/v1/workers/w%201/session?queues=a%2Cb&types=t&concurrency=3&startId=start-1')
  assert.deepEqual(cancelled, ['x'])
})

test('a session that is refused, cut or ended is opened again', async (t) => {
  const { url } = await fakeServer(t, (n, _, response) => {
    if (n === 0) cut(response)
    else if (n === 1) json(response, { code: 'shutting_down', detail: 'bye' }, 503)
    else if (n === 2) response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: ready\ndata: {}\n\n')
    else startStream(response, 'event: ready\ndata: {}\n\nevent: cancel\ndata: {"taskId":"x"}\n\n')
  })
  const { heard, cancelled, reports, close } = session(url)
  await heard
  await close()
  assert.deepEqual(cancelled, ['x'])
  assert.equal(reports.length, 3)
})

test('a session without a sign of life is taken for dead and opened again', async (t) => {
  const { url } = await fakeServer(t, (n, _, response) =>
    startStream(response, n === 0 ? 'event: ready\ndata: {}\n\n' : 'event: cancel\ndata: {"taskId":"x"}\n\n'),
  )
  const { heard, reports, close } = session(url, { silenceMs: 100 })
  await heard
  await close()
  assert.match(reports[0] ?? '', /no sign of life/)
})

test('a session whose server says how often it pings is taken for dead soon after these stop', async (t) => {
  const asked = [0, 1, 2].map(() => Promise.withResolvers<void>())
  const { url } = await fakeServer(t, (n, _, response) => {
    if (n === 0) startStream(response, 'event: ready\ndata: {"graceSeconds":5,"pingSeconds":2}\n\n')
    if (n === 2) startStream(response, 'event: cancel\ndata: {"taskId":"x"}\n\n')
    asked[n]?.resolve()
  })
  const clock = createSimulatedClock()
  const { opened, heard, reports, nextReport, close } = session(url, { clock })
  await opened
  await clock.advance(PING_SILENCE_MS)
  assert.deepEqual(reports, [])
  for (const next of asked.slice(1)) {
    const reported = nextReport()
    await clock.advance(PING_SILENCE_MS + UNREAD_MS)
    assert.match(await reported, /no sign of life for 5 s/)
    await clock.advance(LONGEST_RETRY_MS)
    await next.promise
  }
  await heard
  await close()
})

test('pings are signs of life', async (t) => {
  const stream = Promise.withResolvers<ServerResponse>()
  const { url, seen } = await fakeServer(t, (_n, _seen, response) => {
    startStream(response, 'event: ready\ndata: {}\n\n')
    stream.resolve(response)
  })
  const simulated = createSimulatedClock()
  const timers = new EventEmitter()
  const clock: Clock = {
    ...simulated,
    after(...timer) {
      timers.emit('set')
      return simulated.after(...timer)
    },
  }
  const { opened, heard, reports, close } = session(url, { clock, silenceMs: 300 })
  const [response] = await Promise.all([stream.promise, opened])
  await simulated.advance(0)
  for (let pings = 0; pings < 10; pings++) {
    const heardIt = once(timers, 'set')
    response.write(': ping\n\n')
    await heardIt
    await simulated.advance(299)
  }
  response.write('event: cancel\ndata: {"taskId":"x"}\n\n')
  await heard
  await close()
  assert.deepEqual([seen.length, reports], [1, []])
})

test('watch goes on after the last event when its connection breaks', async (t) => {
  const event = (n: number) => `id: ${n}\nevent: log\ndata: {"n":${n}}\n\n`
  const first = Promise.withResolvers<ServerResponse>()
  const { url, seen } = await fakeServer(t, (n, _, response) => {
    first.resolve(response)
    if (n === 0) startStream(response, event(1))
    if (n === 1) startStream(response, `${event(2)}event: end\ndata: {}\n\n`)
  })
  const received: number[] = []
  for await (const { n } of new Client({ url, random: () => 0 }).watch('x')) {
    received.push(n)
    if (n === 1) cut(await first.promise)
  }
  assert.deepEqual(received, [1, 2])
  assert.equal(seen[1]?.headers['last-event-id'], '1')
})

async function read(bytes: Uint8Array, cuts: readonly number[]): Promise<ServerSentEvent[]> {
  const ends = [...cuts.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  const chunks = ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
  return await Array.fromAsync(readEvents(ReadableStream.from(chunks)))
}

test('events read the same however the stream is cut into chunks, with any line ends', async () => {
  const text =
    ': hello\n\nevent: a\ndata: {"ü":1}\ndata: two\nid: 7\n\nretry: 5\n\ndata:no space\n\ndata\n\nevent: lost\n\ndata: unfinished'
  const expected = [
    { event: 'a', data: '{"ü":1}\ntwo', id: '7' },
    { event: 'message', data: 'no space', id: null },
    { event: 'message', data: '', id: null },
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.nat(200)), async (lineEnd, cuts) => {
      const bytes = new TextEncoder().encode(text.replaceAll('\n', lineEnd))
      assert.deepEqual(await read(bytes, cuts), expected)
    }),
  )
})
