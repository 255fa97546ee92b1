import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openEvents } from './event-source.ts'
import { startApi } from './start-api.ts'

test('the history of a task is told in order', async (context) => {
  const { get, post, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  await post('/api/v1/leases/record', {
    entries: [{ taskId: id, token: lease.token, progress: { percent: 1 }, log: 'hello' }],
  })
  await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: id, token: lease.token, outcome: 'succeeded', result: 7 }],
  })
  const { events } = (await get(`/api/v1/tasks/${id}/events`)).json()
  const kinds = events.map((event: { kind: string }) => event.kind)
  assert.deepEqual(kinds, ['submitted', 'started', 'progress', 'log', 'succeeded'])
  assert.deepEqual(
    events.map((event: { n: number }) => event.n),
    [1, 2, 3, 4, 5],
  )
  assert.match(events[0].at, /^\d{4}-\d\d-\d\dT.*Z$/)
})

test('events come live until the task has ended', async (context) => {
  const { listen, post, submit, claim } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  const events = await openEvents(context, `${base}/api/v1/tasks/${id}/events`)
  assert.equal(events.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const first = await events.next()
  assert.equal(first?.event, 'submitted')
  assert.equal(first?.id, '1')
  const { lease } = await claim()
  assert.equal((await events.next())?.event, 'started')
  await post('/api/v1/leases/record', `{"entries":[{"taskId":"${id}","token":${lease.token},"progress":{\n"a": 1}}]}`)
  const progress = await events.next()
  assert.equal(progress?.event, 'progress')
  assert.deepEqual((progress as { data: { data: unknown } }).data.data, { a: 1 })
  await post('/api/v1/leases/settle', { outcomes: [{ taskId: id, token: lease.token, outcome: 'succeeded' }] })
  assert.equal((await events.next())?.event, 'succeeded')
  assert.equal((await events.next())?.event, 'end')
  assert.equal(await events.next(), null)
})

test('a stream resumes after Last-Event-ID', async (context) => {
  const { listen, post, submit } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  await post(`/api/v1/tasks/${id}/cancel`)
  const events = await openEvents(context, `${base}/api/v1/tasks/${id}/events`, { 'last-event-id': '1' })
  assert.equal((await events.next())?.event, 'cancelled')
  assert.equal((await events.next())?.event, 'end')
})

test('a Last-Event-ID that is no number is refused', async (context) => {
  const { get, submit } = await startApi(context)
  const id = await submit({ type: 't' })
  const response = await get(`/api/v1/tasks/${id}/events`, { accept: 'text/event-stream', 'last-event-id': 'x' })
  assert.equal(response.statusCode, 400)
})

test('a comment line keeps an idle stream alive', async (context) => {
  const { listen, submit } = await startApi(context, { limits: { pingMs: 20 } })
  const base = await listen()
  const events = await openEvents(context, `${base}/api/v1/tasks/${await submit({ type: 't' })}/events`)
  assert.equal(await events.comment(), ': ping')
  assert.equal(await events.comment(), ': ping')
})

test('a result of nearly 1 MiB fits into an event', async (context) => {
  const { listen, post, submit, claim } = await startApi(context)
  const base = await listen()
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  const result = 'x'.repeat(1_040_000)
  const settled = await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: id, token: lease.token, outcome: 'succeeded', result }],
  })
  assert.equal(settled.statusCode, 200)
  const events = await openEvents(context, `${base}/api/v1/tasks/${id}/events`, { 'last-event-id': '2' })
  assert.equal(((await events.next()) as { data: { data: string } }).data.data, result)
  assert.equal((await events.next())?.event, 'end')
})

test('a client that has stopped reading is cut off', async (context) => {
  const { listen, post, submit, claim, server } = await startApi(context, { limits: { pingMs: 20 } })
  const { hostname, port } = new URL(await listen())
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  const entries = Array.from({ length: 60 }, () => ({ taskId: id, token: lease.token, log: 'x'.repeat(16_000) }))
  for (let call = 0; call < 14; call++) assert.equal((await post('/api/v1/leases/record', { entries })).statusCode, 200)
  const socket = connect(Number(port), hostname).pause()
  context.after(() => socket.destroy())
  const accepted = new Promise<NodeJS.EventEmitter>((resolve) => server.server.once('connection', resolve))
  socket.write(`GET /api/v1/tasks/${id}/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n`)
  const connection = await accepted
  await new Promise((resolve) => connection.once('close', resolve))
})

test('more event streams than a server keeps are refused, until one ends', async (context) => {
  const { listen, submit } = await startApi(context, { limits: { eventStreams: 1 } })
  const base = await listen()
  const url = `${base}/api/v1/tasks/${await submit({ type: 't' })}/events`
  const first = await openEvents(context, url)
  await first.next()
  const headers = { accept: 'text/event-stream' }
  const refused = await fetch(url, { headers })
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [429, 'rate_limited'])
  first.close()
  for (;;) {
    const again = await fetch(url, { headers })
    await again.body?.cancel()
    if (again.status === 200) return
  }
})
