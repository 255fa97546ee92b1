import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAddressPolicy } from '../src/http-request/address-policy.ts'
import type { LookupAll } from '../src/http-request/guarded-connect.ts'
import { failureFrom, openTypes } from './support/attempt.ts'
import { startHttp } from './support/http.ts'

const REFUSED = {
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1'],
  'link-local': ['169.254.169.254', 'fe80::1', 'fec0::1'],
  'shared (CGNAT)': ['100.64.0.1', '100.127.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  'reserved and broadcast': ['240.0.0.1', '255.255.255.255', '192.0.0.1', '198.18.0.1', '192.0.2.1', '2001:db8::1'],
  'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe'],
  'IPv4-compatible': ['::127.0.0.1', '::a00:1'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::a00:1'],
  '6to4 and Teredo': ['2002:7f00:1::', '2001::1'],
}

describe('the address policy', () => {
  const permits = createAddressPolicy(false)
  for (const [kind, addresses] of Object.entries(REFUSED)) {
    it(`refuses ${kind} addresses`, () => {
      assert.deepEqual(addresses.filter(permits), [])
    })
  }

  it('allows the public internet', () => {
    const addresses = ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8']
    assert.deepEqual(addresses.filter(permits), addresses)
  })

  it('allows the ranges and addresses it is given, and nothing beside them', () => {
    const some = createAddressPolicy(['10.1.0.0/16', '127.0.0.1', 'fd00::/8'])
    const addresses = ['10.1.2.3', '10.2.0.1', '127.0.0.1', '127.0.0.2', 'fd00::1', 'fc00::1', '::ffff:10.1.0.1']
    assert.deepEqual(addresses.filter(some), ['10.1.2.3', '127.0.0.1', 'fd00::1', '::ffff:10.1.0.1'])
  })

  it('refuses what is not an address', () => {
    assert.equal(permits('localhost'), false)
  })

  it('says which configured range is malformed', () => {
    assert.throws(() => createAddressPolicy(['10.0.0.0/8', 'intranet']), /"intranet".*TASKYARD_HTTP_ALLOW_PRIVATE/)
  })
})

describe('http-request: where it connects to', () => {
  const spellings = (port: number) => [
    `http://127.0.0.1:${port}/`,
    `http://localhost:${port}/`,
    `http://2130706433:${port}/`,
    `http://0177.0.0.1:${port}/`,
    `http://0x7f.1:${port}/`,
    `http://127.1:${port}/`,
    `http://0.0.0.0:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://[::ffff:7f00:1]:${port}/`,
  ]

  it('refuses loopback, however it is spelled, for good and without a connection', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end())
    const { run } = openTypes(t)
    for (const url of spellings(http.port)) {
      const failure = await failureFrom(run('http-request', { url }))
      assert.equal(failure.code, 'address_refused', url)
      assert.equal(failure.retryable, false)
      assert.match(failure.message, /TASKYARD_HTTP_ALLOW_PRIVATE/)
    }
    assert.equal(http.requests.length, 0)
  })

  it('reaches the same server when its address is allowed', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end())
    const { run } = openTypes(t, { allowPrivateAddresses: true })
    for (const url of spellings(http.port)) assert.equal((await run('http-request', { url })).status, 200, url)
  })

  it('connects to the address it checked: a name that rebinds gains nothing', async (t) => {
    const inside = await startHttp(t, (_request, response) => response.end('secret'), '127.0.0.2')
    const allowed = await startHttp(t, (_request, response) => response.end('public'))
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.2']
    let asked = 0
    const lookup: LookupAll = (_host, done) => done(null, [{ address: answers[asked++] as string, family: 4 }])
    const { run } = openTypes(t, { lookup, allowPrivateAddresses: ['127.0.0.1'] })
    const first = await run('http-request', { url: `http://rebind.example:${allowed.port}/` })
    assert.equal(first.body, 'public')
    assert.equal(asked, 1, 'checking and connecting share one look-up')
    const failure = await failureFrom(run('http-request', { url: `http://rebind.example:${inside.port}/` }))
    assert.equal(failure.code, 'address_refused')
    assert.match(failure.message, /rebind\.example \(127\.0\.0\.2\)/)
    assert.equal(inside.requests.length, 0)
  })

  it('uses only the allowed ones of several addresses', async (t) => {
    const http = await startHttp(t, (_request, response) => response.end('allowed'))
    const lookup: LookupAll = (_host, done) =>
      done(null, [
        { address: '::1', family: 6 },
        { address: '10.0.0.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])
    const { run } = openTypes(t, { lookup, allowPrivateAddresses: ['127.0.0.1'] })
    assert.equal((await run('http-request', { url: `http://many.example:${http.port}/` })).body, 'allowed')
  })

  it('checks every redirect: by address and by name', async (t) => {
    const inside = await startHttp(t, (_request, response) => response.end('secret'), '127.0.0.2')
    for (const host of ['127.0.0.2', 'inside.example', '2130706434']) {
      const http = await startHttp(t, (_request, response) => {
        response.writeHead(302, { location: `http://${host}:${inside.port}/` }).end()
      })
      const lookup: LookupAll = (_host, done) => done(null, [{ address: '127.0.0.2', family: 4 }])
      const { run } = openTypes(t, { lookup, allowPrivateAddresses: ['127.0.0.1'] })
      const failure = await failureFrom(run('http-request', { url: http.origin }))
      assert.equal(failure.code, 'address_refused', host)
    }
    assert.equal(inside.requests.length, 0)
  })
})
