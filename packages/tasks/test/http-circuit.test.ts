import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { attemptOf, failureFrom, openTypes } from './support/attempt.ts'
import { LOOPBACK, startHttp } from './support/http.ts'

describe('http-request: the circuit of a host', () => {
  const payloadOf = (url: string) => ({ url })

  it('opens after failures in a row, says when to come back, lets one call try, and closes on success', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    let isBroken = true
    const http = await startHttp(t, (_request, response) => response.writeHead(isBroken ? 500 : 200).end())
    const other = await startHttp(t, (_request, response) => response.end())
    const { run } = openTypes(t, { ...LOOPBACK, circuit: { failures: 3, openSeconds: 30 }, random: () => 0.5 })
    const code = async () => (await failureFrom(run('http-request', payloadOf(http.origin)))).code

    assert.deepEqual([await code(), await code(), await code()], Array(3).fill('http_deferred'))
    t.mock.timers.tick(10_000)
    const open = await failureFrom(run('http-request', payloadOf(http.origin)))
    assert.equal(open.code, 'circuit_open')
    assert.equal(open.retryable, true)
    assert.equal(open.retryDelaySeconds, 20 + 15)
    assert.equal(http.requests.length, 3)
    assert.equal((await run('http-request', payloadOf(other.origin))).status, 200)

    t.mock.timers.tick(20_001)
    assert.equal(await code(), 'http_deferred')
    assert.equal(await code(), 'circuit_open')
    assert.equal(http.requests.length, 4)

    isBroken = false
    t.mock.timers.tick(30_001)
    assert.equal((await run('http-request', payloadOf(http.origin))).status, 200)
    assert.equal((await run('http-request', payloadOf(http.origin))).status, 200)
  })

  it('does not hold other calls up while one tries', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const trial = Promise.withResolvers<() => void>()
    let calls = 0
    const http = await startHttp(t, (_request, response) => {
      if (++calls === 1) response.writeHead(500).end()
      else trial.resolve(() => response.end())
    })
    const { run } = openTypes(t, { ...LOOPBACK, circuit: { failures: 1, openSeconds: 30 } })
    await failureFrom(run('http-request', payloadOf(http.origin)))
    t.mock.timers.tick(30_001)
    const trying = run('http-request', payloadOf(http.origin))
    const answer = await trial.promise
    assert.equal((await failureFrom(run('http-request', payloadOf(http.origin)))).code, 'circuit_open')
    answer()
    assert.equal((await trying).status, 200)
  })

  it('does not count refusals of the client, expected errors, or cancelled calls', async (t) => {
    const arrived = Promise.withResolvers<void>()
    const http = await startHttp(t, ({ path }, response) => {
      if (path === '/hang') arrived.resolve()
      else response.writeHead(Number(path.slice(1))).end()
    })
    const { run, handlers } = openTypes(t, { ...LOOPBACK, circuit: { failures: 1, openSeconds: 30 } })
    await failureFrom(run('http-request', payloadOf(`${http.origin}/404`)))
    await failureFrom(run('http-request', payloadOf(`${http.origin}/429`)))
    await run('http-request', { url: `${http.origin}/503`, expectedStatus: 503 })
    const { task, context, cancel } = attemptOf('http-request', payloadOf(`${http.origin}/hang`))
    const cancelled = failureFrom(Promise.resolve(handlers['http-request']?.(task, context)))
    await arrived.promise
    cancel()
    await cancelled
    assert.equal((await run('http-request', payloadOf(`${http.origin}/200`))).status, 200)
  })

  it('stays open when the call that tries is cancelled', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const arrived = Promise.withResolvers<void>()
    let calls = 0
    const http = await startHttp(t, (_request, response) => {
      if (++calls === 1) response.writeHead(500).end()
      else arrived.resolve()
    })
    const { run, handlers } = openTypes(t, { ...LOOPBACK, circuit: { failures: 1, openSeconds: 30 } })
    await failureFrom(run('http-request', payloadOf(http.origin)))
    t.mock.timers.tick(30_001)
    const { task, context, cancel } = attemptOf('http-request', payloadOf(http.origin))
    const trying = failureFrom(Promise.resolve(handlers['http-request']?.(task, context)))
    await arrived.promise
    cancel()
    await trying
    assert.equal((await failureFrom(run('http-request', payloadOf(http.origin)))).code, 'circuit_open')
  })

  it('remembers a bounded number of hosts', async (t) => {
    const { run } = openTypes(t, {
      circuit: { failures: 1, openSeconds: 30 },
      lookup: (_host, done) => done(new Error('no such host'), []),
    })
    const code = async (host: string) =>
      (await failureFrom(run('http-request', payloadOf(`http://${host}.example`)))).code
    assert.deepEqual([await code('first'), await code('first')], ['http_unreachable', 'circuit_open'])
    for (let host = 0; host < 1000; host++) await code(`h${host}`)
    assert.equal(await code('first'), 'http_unreachable')
  })
})
