import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { createHttpWorkerApi } from '../src/http-worker-api.ts'
import { cut, fakeServer, json } from './fake-server.ts'

const CLAIM = { workerId: 'w1', queues: ['default'], limit: 1, requestId: 'r1' }
const REQUEST = { workerId: 'w1', queues: ['default'], types: null, concurrency: 1, startId: 's1' }

/** A server whose sessions start with `ready`, and what the claims that it gets say of a session. */
async function serverAndApi(t: TestContext, ready: string) {
  const said: unknown[] = []
  const streams: ServerResponse[] = []
  const { url } = await fakeServer(t, (_n, { url: path, body }, response) => {
    if (path.endsWith('/session?queues=default&concurrency=1&startId=s1')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`event: ready\ndata: ${ready}\n\n`)
      streams.push(response)
    } else {
      const { claim, session } = JSON.parse(body)
      said.push((claim ?? { session }).session)
      json(response, { tasks: [], results: [] })
    }
  })
  const broken = Promise.withResolvers<void>()
  const report = () => broken.resolve()
  // The session is not opened again while the test looks.
  const clock = { ...systemClock, after: (ms: number, callback: () => void) => systemClock.after(ms * 1000, callback) }
  const api = createHttpWorkerApi({ address: { url, headers: {} }, clock, random: () => 1, report })
  return { api, said, streams, broken: broken.promise }
}

test('claims say that their worker keeps a session, for as long as it is open', async (t) => {
  const { api, said, streams, broken } = await serverAndApi(t, '{"graceSeconds":5,"pingSeconds":2}')
  await api.claim(CLAIM, t.signal)
  const session = api.openSession(REQUEST, () => {})
  await session.opened
  await api.claim(CLAIM, t.signal)
  await api.settle({ outcomes: [], claim: CLAIM })
  await api.claim({ ...CLAIM, workerId: 'w2' }, t.signal)
  cut(streams[0] as ServerResponse)
  await broken
  await api.claim(CLAIM, t.signal)
  await session.close()
  assert.deepEqual(said, [undefined, true, true, undefined, undefined])
})

test('a session that is closed was not broken, and claims speak of it no more', async (t) => {
  const { api, said } = await serverAndApi(t, '{"graceSeconds":5,"pingSeconds":2}')
  const changes: boolean[] = []
  const session = api.openSession(
    REQUEST,
    () => {},
    (isOpen) => changes.push(isOpen),
  )
  await session.opened
  await session.close()
  await api.claim(CLAIM, t.signal)
  assert.deepEqual(changes, [true])
  assert.deepEqual(said, [undefined])
})

test('claims do not speak of a session to servers that may not know the word', async (t) => {
  const { api, said } = await serverAndApi(t, '{"graceSeconds":5}')
  const session = api.openSession(REQUEST, () => {})
  await session.opened
  await api.claim(CLAIM, t.signal)
  await session.close()
  assert.deepEqual(said, [undefined])
})
