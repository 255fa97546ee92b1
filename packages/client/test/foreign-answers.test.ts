import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@taskyard/client'
import { problemType } from '@taskyard/core'
import { fakeServer, json } from './fake-server.ts'

/** What something on the way says with status 200. */
const ANSWERS: readonly string[] = [
  '<html>Back soon</html>',
  '',
  'null',
  '5',
  '"ok"',
  '[]',
  '{}',
  '{"status":"ok"}',
  '{"id":7,"tasks":{},"items":5,"nextCursor":7,"events":"x","queues":null,"workers":7,"matched":{},"queue":{},"nodeId":5}',
  '{"id":null,"tasks":[null],"items":[7],"nextCursor":null,"events":[null],"queues":["x"],"workers":[[]],"matched":null}',
  '{"items":[],"events":[{}],"matched":1,"cursor":7,"queue":"q","nodeId":"x"}',
]

const CALLS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  submit: (client) => client.submit('noop', 1),
  submitMany: (client) => client.submitMany([{ type: 'noop', payload: 1 }]),
  get: (client) => client.get('some-id'),
  wait: (client) => client.wait('some-id'),
  list: (client) => client.list(),
  listAll: (client) => Array.fromAsync(client.listAll()),
  events: (client) => client.events('some-id'),
  watch: (client) => Array.fromAsync(client.watch('some-id')),
  cancel: (client) => client.cancel('some-id'),
  retry: (client) => client.retry('some-id'),
  cancelMatching: (client) => client.cancelMatching({ queue: 'q' }),
  retryMatching: (client) => client.retryMatching({ queue: 'q' }),
  delete: (client) => client.delete('some-id'),
  deleteMatching: (client) => client.deleteMatching({ queue: 'q' }),
  queues: (client) => client.queues(),
  queue: (client) => client.queue('q'),
  pause: (client) => client.pause('q'),
  resume: (client) => client.resume('q'),
  workers: (client) => client.workers(),
  info: (client) => client.info(),
}

const EVENT_STREAM = { 'content-type': 'text/event-stream' }

test('watch gives up on streams of events that are not ours', async (t) => {
  const { url } = await fakeServer(t, (_n, _seen, response) => {
    response.writeHead(200, EVENT_STREAM).end('data: hello\n\n')
  })
  await assert.rejects(Array.fromAsync(new Client({ url, retrySeconds: 0 }).watch('some-id')), NOT_REACHED)
})

const NOT_REACHED = { code: 'connection_failed', retryable: true, definite: false }

const REFUSED = { type: problemType('task_not_found'), code: 'task_not_found' }

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} takes nothing for an answer that is not a server's`, async (t) => {
    let body = ''
    const { url } = await fakeServer(t, (_n, _seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    })
    const client = new Client({ url, retrySeconds: 0 })
    for (body of ANSWERS) await assert.rejects(call(client), NOT_REACHED, body)
  })

  const isRepeatable = !['cancel', 'retry', 'delete', 'submitMany', 'retryMatching'].includes(name)
  test(`${name} ${isRepeatable ? 'asks' : 'does not ask'} again when something else has answered`, async (t) => {
    const { url, seen } = await fakeServer(t, (n, _seen, response) =>
      n === 0 ? json(response, {}) : json(response, REFUSED, 404),
    )
    const { code } = isRepeatable ? REFUSED : NOT_REACHED
    await assert.rejects(call(new Client({ url, random: () => 0.01 })), { code })
    assert.equal(seen.length, isRepeatable ? 2 : 1)
  })
}

test('events that come again and again, as from a cache that looks at no query, are not read for ever', async (t) => {
  const events = [{ n: 1, at: '2026-01-01T00:00:00Z', kind: 'submitted', attempt: 0, data: null }]
  const { url } = await fakeServer(t, (_n, _seen, response) => json(response, { events }))
  await assert.rejects(new Client({ url, retrySeconds: 0 }).events('some-id'), NOT_REACHED)
})

test('what an event stream says that is no event is not told', async (t) => {
  const data = ['hello', 'null', '7', '{}', '{"n":"x"}']
  const { url } = await fakeServer(t, (n, _seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`event: news\ndata: ${data[n]}\n\n`)
  })
  const client = new Client({ url, retrySeconds: 0 })
  for (const _ of data) await assert.rejects(CALLS['watch']?.(client) as Promise<unknown>, NOT_REACHED)
})

test('a parse function of the caller may make what it likes of numbers', async (t) => {
  class Exact {
    readonly text: string
    constructor(text: string) {
      this.text = text
    }
    valueOf = () => Number(this.text)
    toString = () => this.text
  }
  const answers = [{ events: [{ n: 1 }, { n: 2 }] }, { events: [] }]
  for (const exact of [(text: string) => new Exact(text), BigInt]) {
    const { url, seen } = await fakeServer(t, (n, _seen, response) => json(response, answers[n]))
    const parse = (text: string) =>
      JSON.parse(text, (_key, value) => (typeof value === 'number' ? exact(`${value}`) : value))
    const client = new Client({ url, parse })
    assert.equal((await client.events('some-id')).length, 2)
    assert.match(String(seen[1]?.url), /after=2$/)
  }
})
