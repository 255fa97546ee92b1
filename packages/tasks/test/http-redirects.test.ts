import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@taskyard/core'
import { redirected } from '../src/http-request/redirect.ts'
import { failureFrom, openTypes } from './support/attempt.ts'
import { LOOPBACK, startHttp } from './support/http.ts'

describe('http-request: redirects', () => {
  it('follows them, as a GET without body after a 302 of a POST', async (t) => {
    const http = await startHttp(t, ({ path }, response) => {
      if (path === '/from') response.writeHead(302, { location: '/to?x=1' }).end()
      else response.end('arrived')
    })
    const { run } = openTypes(t, LOOPBACK)
    const result = await run('http-request', { url: `${http.origin}/from`, body: { a: 1 } })
    assert.equal(result.body, 'arrived')
    const [, second] = http.requests
    assert.deepEqual([second?.method, second?.path, second?.body], ['GET', '/to?x=1', ''])
    assert.equal(second?.headers['content-type'], undefined)
  })

  it('repeats method and body after a 307', async (t) => {
    const http = await startHttp(t, ({ path }, response) => {
      response.writeHead(path === '/' ? 307 : 200, { location: '/to' }).end()
    })
    await openTypes(t, LOOPBACK).run('http-request', { url: http.origin, method: 'PUT', body: 'again' })
    assert.deepEqual(
      http.requests.map(({ method, path, body }) => [method, path, body]),
      [
        ['PUT', '/', 'again'],
        ['PUT', '/to', 'again'],
      ],
    )
  })

  it('keeps credentials within the origin and drops them outside it', async (t) => {
    const outside = await startHttp(t, (_request, response) => response.end())
    const http = await startHttp(t, ({ path }, response) => {
      response.writeHead(307, { location: path === '/' ? '/inside' : outside.origin }).end()
    })
    const headers = { Authorization: 'Bearer abc', Cookie: 'a=b', 'X-Api-Key': 'k', Accept: 'text/plain' }
    await openTypes(t, LOOPBACK).run('http-request', { url: http.origin, headers })
    assert.equal(http.requests[1]?.headers.authorization, 'Bearer abc')
    const { authorization, cookie, 'x-api-key': key, accept } = outside.requests[0]?.headers ?? {}
    assert.deepEqual([authorization, cookie, key, accept], [undefined, undefined, undefined, 'text/plain'])
  })

  it('tells of the hop that cannot be reached, with its method', async (t) => {
    const http = await startHttp(t, (_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/b' }).end()
    })
    const { run } = openTypes(t, LOOPBACK)
    const { message } = await failureFrom(run('http-request', { url: `${http.origin}/a`, body: {} }))
    assert.match(message, /^GET 127\.0\.0\.1:1: .*ECONNREFUSED.*\nhttp:\/\/127\.0\.0\.1:1\/b$/)
  })

  it('tells of the hop that gave no answer', async (t) => {
    let timeIsOver = () => {}
    const silent = await startHttp(t, () => timeIsOver())
    const http = await startHttp(t, (_request, response) => response.writeHead(307, { location: silent.origin }).end())
    const clock: Clock = {
      now: () => 0,
      after(_delayMs, callback) {
        timeIsOver = callback
        return () => {}
      },
    }
    const { run } = openTypes(t, { ...LOOPBACK, clock })
    const failure = await failureFrom(run('http-request', { url: `${http.origin}/a`, timeoutSeconds: 7 }))
    const { host } = new URL(silent.origin)
    assert.equal(failure.message, `GET ${host} gave no complete answer within 7 s\n${silent.origin}/`)
  })

  it('gives up after 5', async (t) => {
    const http = await startHttp(t, (_request, response) => response.writeHead(302, { location: '/' }).end())
    const failure = await failureFrom(openTypes(t, LOOPBACK).run('http-request', { url: http.origin }))
    assert.equal(failure.code, 'too_many_redirects')
    assert.equal(failure.message, `GET ${new URL(http.origin).host} redirects too often\n${http.origin}/`)
    assert.equal(http.requests.length, 6)
  })

  it('takes a redirect for an answer when told not to follow', async (t) => {
    const http = await startHttp(t, (_request, response) => response.writeHead(302, { location: '/' }).end())
    const payload = { url: http.origin, followRedirects: false }
    assert.equal(
      (await failureFrom(openTypes(t, LOOPBACK).run('http-request', payload))).code,
      'http_unexpected_status',
    )
  })

  for (const [location, what] of [
    ['ftp://example.com/', 'the protocol ftp:'],
    ['http://user:secret@example.com/', 'a user or password'],
    ['http://[', 'not a URL'],
  ]) {
    it(`refuses to follow one to ${what}`, async (t) => {
      const http = await startHttp(t, (_request, response) => response.writeHead(302, { location }).end())
      const failure = await failureFrom(openTypes(t, LOOPBACK).run('http-request', { url: http.origin }))
      assert.equal(failure.code, 'redirect_refused')
      assert.match(failure.message, new RegExp(what as string))
    })
  }
})

describe('http-request: a redirect from https', () => {
  const from = { method: 'GET', url: new URL('https://example.com/a'), headers: {}, body: null } as const

  it('is not followed to http', () => {
    assert.throws(() => redirected(from, 302, 'http://example.com/b'), { code: 'redirect_refused' })
  })

  it('is followed to https', () => {
    assert.equal(redirected(from, 302, '/b').url.href, 'https://example.com/b')
  })
})
