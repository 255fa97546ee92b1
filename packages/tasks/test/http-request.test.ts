import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { attemptOf, failureFrom, openTypes } from './support/attempt.ts'
import { LOOPBACK, startHttp } from './support/http.ts'

describe('http-request', () => {
  it('sends JSON and keeps the answer', async (t) => {
    const http = await startHttp(t, (_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'x-one': '1' }).end('{"ok":"ä"}')
    })
    const { handlers } = openTypes(t, LOOPBACK)
    const { task, context } = attemptOf('http-request', {
      url: `${http.origin}/orders?x=1`,
      headers: { Authorization: 'Bearer abc', 'X-Trace': 'yes' },
      body: { order: 7, naïve: '✓' },
    })

    const result = await handlers['http-request']?.(task, context)

    const [received] = http.requests
    assert.equal(received?.method, 'POST')
    assert.equal(received?.path, '/orders?x=1')
    assert.equal(received?.body, '{"order":7,"naïve":"✓"}')
    assert.equal(received?.headers['content-type'], 'application/json')
    assert.equal(received?.headers.authorization, 'Bearer abc')
    assert.equal(received?.headers['x-trace'], 'yes')
    assert.equal(received?.headers['idempotency-key'], task.id)
    assert.equal(received?.headers['user-agent'], 'taskyard')
    assert.equal(result.status, 201)
    assert.equal(result.body, '{"ok":"ä"}')
    assert.equal(result.bodyEncoding, 'text')
    assert.equal(result.truncated, false)
    assert.equal(result.headers['x-one'], '1')
    assert.ok(result.durationMs >= 0)
  })

  it('sends a text as it is, under the headers the payload chose', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end())
    const { run } = openTypes(t, LOOPBACK)
    const headers = { 'Content-Type': 'application/xml', 'Idempotency-Key': 'mine', 'User-Agent': 'me' }
    await run('http-request', { url: http.origin, method: 'PUT', body: '<a/>', headers })
    const [received] = http.requests
    assert.equal(received?.method, 'PUT')
    assert.equal(received?.body, '<a/>')
    assert.equal(received?.headers['content-type'], 'application/xml')
    assert.equal(received?.headers['idempotency-key'], 'mine')
    assert.equal(received?.headers['user-agent'], 'me')
  })

  it('is a GET without a body when the payload is only a URL', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end())
    await openTypes(t, LOOPBACK).run('http-request', { url: http.origin })
    assert.equal(http.requests[0]?.method, 'GET')
    assert.equal(http.requests[0]?.headers['content-type'], undefined)
  })

  it('stores bytes that are no text as Base64', async (t) => {
    const bytes = Buffer.from([0, 255, 1, 254])
    const http = await startHttp(t, (_request, response) => response.end(bytes))
    const result = await openTypes(t, LOOPBACK).run('http-request', { url: http.origin })
    assert.equal(result.bodyEncoding, 'base64')
    assert.deepEqual(Buffer.from(result.body, 'base64'), bytes)
  })

  it('stores the first 256 KiB, cut between characters, and says so', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end(`ab${'€'.repeat(200_000)}`))
    const result = await openTypes(t, LOOPBACK).run('http-request', { url: http.origin })
    assert.equal(result.truncated, true)
    assert.equal(result.bodyEncoding, 'text')
    assert.equal(result.body, `ab${'€'.repeat(Math.floor((262_144 - 2) / 3))}`)
  })

  it('hangs up on an endless answer at maxResponseBytes', async (t) => {
    const hungUp = Promise.withResolvers<void>()
    const http = await startHttp(t, (_request, response) => {
      const more = () => response.write('x'.repeat(65_536))
      response.on('drain', more).on('close', () => hungUp.resolve())
      more()
    })
    const result = await openTypes(t, LOOPBACK).run('http-request', { url: http.origin, maxResponseBytes: 100_000 })
    assert.equal(result.body.length, 100_000)
    assert.equal(result.truncated, true)
    await hungUp.promise
  })

  it('ends at once when the attempt is cancelled', async (t) => {
    const arrived = Promise.withResolvers<void>()
    const http = await startHttp(t, () => arrived.resolve())
    const { handlers } = openTypes(t, LOOPBACK)
    const { task, context, cancel } = attemptOf('http-request', { url: http.origin })
    const failure = failureFrom(Promise.resolve(handlers['http-request']?.(task, context)))
    await arrived.promise
    cancel()
    assert.equal((await failure).message, 'cancelled by the test')
  })

  it('fails with http_timeout when headers or body come too late', async (t) => {
    const http = await startHttp(t, ({ path }, response) => {
      if (path === '/body') response.writeHead(200).write('half')
    })
    const { run } = openTypes(t, LOOPBACK)
    for (const path of ['/head', '/body']) {
      const failure = await failureFrom(run('http-request', { url: http.origin + path, timeoutSeconds: 0.1 }))
      assert.equal(failure.code, 'http_timeout', path)
      assert.match(failure.message, /^GET 127\.0\.0\.1:\d+ gave no complete answer within [\d.]+ s\nhttp:\S+$/)
      assert.equal(failure.retryable, true)
    }
  })

  it('fails with http_unreachable when nobody listens, the name is unknown, or the answer is not HTTP', async (t) => {
    const server = createServer((socket) => socket.end('what?\r\n\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as { port: number }
    const { run } = openTypes(t, {
      ...LOOPBACK,
      lookup: (host, done) => done(new Error(`getaddrinfo ENOTFOUND ${host}`), []),
    })
    for (const url of ['http://127.0.0.1:1', 'http://nowhere.example', `http://127.0.0.1:${port}`]) {
      const failure = await failureFrom(run('http-request', { url }))
      assert.equal(failure.code, 'http_unreachable', url)
      assert.ok(failure.message.startsWith(`GET ${new URL(url).host}: `), failure.message)
      assert.ok(failure.message.endsWith(`\n${new URL(url).href}`), failure.message)
      assert.equal(failure.retryable, true)
    }
  })

  it('tells why each address of a host cannot be reached', async (t) => {
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
    const { run } = openTypes(t, { ...LOOPBACK, lookup: (_host, done) => done(null, addresses) })
    const { message } = await failureFrom(run('http-request', { url: 'http://two.example:1/a' }))
    const refused = addresses.map(({ address }) => `connect ECONNREFUSED ${address}:1`)
    assert.equal(message, `GET two.example:1: ${refused.join('; ')}\nhttp://two.example:1/a`)
  })
})

describe('http-request: closing', () => {
  it('hangs up, and ends attempts under way', { timeout: 60_000 }, async (t) => {
    const arrived = Promise.withResolvers<void>()
    const hungUp = Promise.withResolvers<void>()
    const http = await startHttp(t, (_request, response) => {
      response.on('close', () => hungUp.resolve())
      arrived.resolve()
    })
    const { run, close } = openTypes(t, LOOPBACK)
    const failure = failureFrom(run('http-request', { url: http.origin }))
    await arrived.promise
    await close()
    await hungUp.promise
    assert.equal((await failure).retryable, true)
  })
})

describe('http-request: statuses', () => {
  const cases = [
    { status: 200, code: null },
    { status: 204, code: null },
    { status: 404, code: 'http_unexpected_status', retryable: false },
    { status: 400, code: 'http_unexpected_status', retryable: false },
    { status: 408, code: 'http_deferred', retryable: true },
    { status: 425, code: 'http_deferred', retryable: true },
    { status: 429, code: 'http_deferred', retryable: true },
    { status: 500, code: 'http_deferred', retryable: true },
    { status: 503, code: 'http_deferred', retryable: true },
    { status: 304, code: 'http_unexpected_status', retryable: false },
    { status: 201, expectedStatus: 200, code: 'http_unexpected_status', retryable: false },
    { status: 404, expectedStatus: [200, 404], code: null },
    { status: 503, expectedStatus: '5xx', code: null },
    { status: 204, expectedStatus: '200-204', code: null },
    { status: 205, expectedStatus: '200-204', code: 'http_unexpected_status', retryable: false },
    { status: 302, expectedStatus: ['2xx', '302'], code: null },
  ]
  for (const { status, expectedStatus, code, retryable } of cases) {
    const expected = expectedStatus === undefined ? 'nothing said' : JSON.stringify(expectedStatus)
    it(`${status} where ${expected} is expected → ${code ?? 'success'}`, async (t) => {
      const http = await startHttp(t, (_request, response) => response.writeHead(status, { location: '/' }).end())
      const { run } = openTypes(t, LOOPBACK)
      const work = run('http-request', {
        url: http.origin,
        ...(expectedStatus && { expectedStatus }),
        followRedirects: status !== 304,
      })
      if (code === null) return assert.equal((await work).status, status)
      const failure = await failureFrom(work)
      assert.equal(failure.code, code)
      assert.equal(failure.retryable, retryable)
    })
  }

  it('tells what the server said, without the query', async (t) => {
    const http = await startHttp(t, (_request, response) => response.writeHead(422).end(`no ${'x'.repeat(10_000)}`))
    const { run } = openTypes(t, LOOPBACK)
    const { message } = await failureFrom(run('http-request', { url: `${http.origin}/a?token=secret` }))
    assert.match(
      message,
      /^GET 127\.0\.0\.1:\d+ answered 422 Unprocessable Entity\nhttp:\/\/127\.0\.0\.1:\d+\/a\nno xxx/,
    )
    assert.ok(message.length < 700)
    assert.doesNotMatch(message, /secret/)
  })

  it('honours Retry-After in seconds and as a date, up to an hour', async (t) => {
    const inTenMinutes = new Date(Date.now() + 600_000).toUTCString()
    const http = await startHttp(t, ({ headers }, response) => {
      response.writeHead(503, { 'retry-after': String(headers['x-after']) }).end()
    })
    const { run } = openTypes(t, { ...LOOPBACK, circuit: { failures: 100, openSeconds: 1 } })
    const delayAfter = async (after: string) =>
      (await failureFrom(run('http-request', { url: http.origin, headers: { 'X-After': after } }))).retryDelaySeconds
    assert.equal(await delayAfter('7'), 7)
    assert.equal(await delayAfter('999999'), 3600)
    assert.equal(await delayAfter('soon'), null)
    const untilDate = (await delayAfter(inTenMinutes)) as number
    assert.ok(untilDate > 590 && untilDate <= 600, `${untilDate}`)
  })
})
