import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Finding, TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { inspectRedisStore } from '@taskyard/store-redis'
import { startServer, type TestServer } from '@taskyard/test-servers'
import { adminClient, openTestStore, troubles } from './test-bed.ts'

describe('inspection of a Redis server', () => {
  it('finds nothing wrong with a server that is set up as the guide says', async (t) => {
    const server = await serverWith(t, { maxmemory: '1gb' })
    const findings = await inspect(server)
    assert.deepEqual(troubles(findings), [])
    assert.match(finding(findings, 'version').detail, /^(Redis|Valkey) \d/)
    assert.match(finding(findings, 'AOF').detail, /every commit synced/)
  })

  it('finds every setting that may lose tasks, and says what to do', async (t) => {
    const server = await serverWith(t, { appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' })
    const findings = await inspect(server)
    for (const check of ['AOF', 'eviction']) {
      const { verdict, advice } = finding(findings, check)
      assert.equal(verdict, 'problem', check)
      assert.match(advice ?? '', /^Set /)
    }
  })

  it('states how much an AOF that is synced every second can lose', async (t) => {
    const server = await serverWith(t, { appendfsync: 'everysec' })
    assert.match(finding(await inspect(server), 'AOF').detail, /up to ~1 s of acknowledged tasks can be lost/)
  })

  it('warns of memory without a limit, and of one that is nearly used up', async (t) => {
    const server = await serverWith(t)
    assert.equal(finding(await inspect(server), 'memory').verdict, 'warning')
    const redis = adminClient(t, server.url)
    await redis.setrange('filler', 50_000_000, 'x')
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
    await redis.config('SET', 'maxmemory', Math.round(used / 0.9))
    assert.equal(finding(await inspect(server), 'memory').verdict, 'warning')
    await redis.config('SET', 'maxmemory', used)
    assert.equal(finding(await inspect(server), 'memory').verdict, 'problem')
  })

  it('tells of replicas whose absence would go unnoticed', async (t) => {
    const [primary, replica] = [await serverWith(t), await serverWith(t)]
    const { hostname, port } = new URL(primary.url)
    await adminClient(t, replica.url).replicaof(hostname, Number(port))
    const redis = adminClient(t, primary.url)
    while (!/^connected_slaves:1/m.test(await redis.info('replication'))) await redis.ping()
    assert.equal(finding(await inspect(primary), 'replication').verdict, 'warning')
    await redis.config('SET', 'min-replicas-to-write', 1)
    assert.equal(finding(await inspect(primary), 'replication').verdict, 'ok')
    assert.equal(finding(await inspect(replica), 'replication').verdict, 'problem')
  })

  it('counts slow scripts of the store, and of nobody else', async (t) => {
    const server = await serverWith(t, { 'slowlog-log-slower-than': '0' })
    assert.match(finding(await inspect(server), 'slow scripts').detail, /none/)
    await openTestStore(t, { url: server.url, prefix: 'mine' })
    const findings = await inspectRedisStore({ url: server.url, prefix: 'mine', clock: systemClock })
    assert.match(finding(findings, 'slow scripts').detail, /^\d+ in the log/)
    assert.match(finding(await inspect(server), 'slow scripts').detail, /none/)
  })

  it('is told what it may not ask', async (t) => {
    const server = await serverWith(t)
    await adminClient(t, server.url).acl(
      'SETUSER',
      'limited',
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      '-config',
      '-slowlog',
    )
    const url = server.url.replace('redis://', 'redis://limited:secret@')
    const findings = await inspectRedisStore({ url, clock: systemClock })
    assert.match(finding(findings, 'AOF').detail, /on; how often it is synced the server does not tell/)
    assert.match(finding(findings, 'eviction').detail, /noeviction/)
    assert.match(finding(findings, 'slow scripts').detail, /does not tell/)
  })

  it('says that a server is away', async (t) => {
    const server = await serverWith(t)
    await server.kill()
    await assert.rejects(
      inspect(server),
      (error) => error instanceof TaskyardError && error.code === 'store_unavailable',
    )
  })
})

interface Cleanup {
  after(clean: () => unknown): void
}

async function serverWith(t: Cleanup, settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await startServer('redis', { settings })
  t.after(() => server.destroy())
  return server
}

function inspect(server: TestServer): Promise<readonly Finding[]> {
  return inspectRedisStore({ url: server.url, clock: systemClock })
}

function finding(findings: readonly Finding[], check: string): Finding {
  return findings.find((found) => found.check === check) ?? assert.fail(`no finding ${check}`)
}
