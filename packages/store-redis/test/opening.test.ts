import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openRedisStore, type RedisStoreOptions } from '@taskyard/store-redis'
import { sharedServer, startServer, type TestServer } from '@taskyard/test-servers'
import { adminClient, freshPrefix, namespace, newTask, openTestStore, submissions } from './test-bed.ts'

describe('opening a Redis store', () => {
  const UNSAFE: Readonly<Record<string, readonly [Readonly<Record<string, string>>, RegExp]>> = {
    'without AOF': [{ appendonly: 'no' }, /append-only file/],
    'with AOF synced at leisure': [{ appendfsync: 'no' }, /appendfsync/],
    'with eviction': [{ 'maxmemory-policy': 'allkeys-lru' }, /allkeys-lru/],
    'with eviction of keys that expire': [{ 'maxmemory-policy': 'volatile-ttl' }, /volatile-ttl/],
  }
  for (const [how, [settings, reason]] of Object.entries(UNSAFE)) {
    it(`refuses a server ${how}, unless that is allowed`, async (t) => {
      const { url } = await serverWith(t, settings)
      await refuses('unsafe_durability', { url }, reason)
      const store = await openTestStore(t, { url, allowUnsafeDurability: true })
      assert.match(store.lifecycle.durability, /^unsafe: /)
    })
  }

  it('tells the durability of each way to sync', async (t) => {
    const always = await openTestStore(t)
    assert.match(always.lifecycle.durability, /^every commit synced.*AOF always/)
    const { url } = await serverWith(t, { appendfsync: 'everysec' })
    const everysec = await openTestStore(t, { url })
    assert.match(everysec.lifecycle.durability, /AOF everysec: up to ~1 s of acknowledged tasks can be lost/)
  })

  it('judges by INFO where CONFIG is forbidden, as on managed servers', async (t) => {
    const { url } = await serverWith(t, { appendonly: 'no' })
    await adminClient(t, url).acl('SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-config')
    const limited = url.replace('redis://', 'redis://limited:secret@')
    await refuses('unsafe_durability', { url: limited }, /append-only file/)
  })

  it('refuses a replica', async (t) => {
    const [primary, replica] = [await serverWith(t), await serverWith(t)]
    const { hostname, port } = new URL(primary.url)
    await adminClient(t, replica.url).replicaof(hostname, Number(port))
    await refuses('store_read_only', { url: replica.url }, /replica/)
  })

  it('refuses a wrong password, and does not show it', async (t) => {
    const { url } = await serverWith(t)
    await adminClient(t, url).config('SET', 'requirepass', 'right')
    const wrong = url.replace('redis://', 'redis://:wrong-one@')
    await assert.rejects(open({ url: wrong }), (error) => {
      assert.ok(error instanceof TaskyardError && error.code === 'invalid_configuration', String(error))
      assert.doesNotMatch(error.message, /wrong-one/)
      return true
    })
    await openTestStore(t, { url: url.replace('redis://', 'redis://:right@') })
  })

  it('refuses what is stored by a newer version', async (t) => {
    const { url } = await sharedServer('redis')
    const prefix = freshPrefix()
    await adminClient(t, url).hset(`{${prefix}}:meta`, 'version', 99)
    const store = await openRedisStore({ url, prefix, clock: systemClock })
    t.after(() => store.lifecycle.close())
    await assert.rejects(
      store.lifecycle.migrate(),
      (error) => error instanceof TaskyardError && error.code === 'store_too_new',
    )
  })

  it('keeps stores of other prefixes and databases apart', async (t) => {
    const { url } = await sharedServer('redis')
    const prefix = freshPrefix()
    const here = await openTestStore(t, { url: `${url}?prefix=${prefix}` })
    const elsewhere = await openTestStore(t, { url: `${url}/1?prefix=${prefix}` })
    const task = newTask()
    await here.tasks.enqueue(submissions(task))
    assert.deepEqual(await elsewhere.reads.find({ namespace, taskIds: [task.id] }), [null])
    assert.equal((await here.reads.find({ namespace, taskIds: [task.id] }))[0]?.id, task.id)
  })

  for (const url of [
    'redis://127.0.0.1:6379?perfix=a',
    'redis://127.0.0.1:6379/zero',
    'redis://127.0.0.1:6379?prefix=a{b}',
    'redis://127.0.0.1:6379?cluster=yes',
    'redis://127.0.0.1:6379/1?cluster=1',
    'http://127.0.0.1:6379',
  ]) {
    it(`refuses the URL ${url}`, async () => {
      await refuses('invalid_configuration', { url }, /^TASKYARD_STORE: /)
    })
  }

  for (const login of [':100%', 'user%:secret', ':a%zzb', ':a/b', ':a?b', ':a#b', 'user:1/secret', 'user:1?secret']) {
    it(`refuses the user and password ${login}, says how to write them, and does not show them`, async () => {
      const advice = /^TASKYARD_STORE: (?!.*secret).*% as %25/
      await refuses('invalid_configuration', { url: `redis://${login}@127.0.0.1:6379` }, advice)
    })
  }

  it('refuses a database that the server has not, rather than use another one', async () => {
    const { url } = await sharedServer('redis')
    await refuses('invalid_configuration', { url: `${url}/9999` }, /^TASKYARD_STORE: .*no database 9999/)
  })
})

async function open(options: Partial<RedisStoreOptions> & { readonly url: string }): Promise<void> {
  const store = await openRedisStore({ clock: systemClock, prefix: freshPrefix(), ...options })
  await store.lifecycle.close()
}

async function refuses(code: ErrorCode, { url }: { readonly url: string }, reason: RegExp): Promise<void> {
  await assert.rejects(openRedisStore({ clock: systemClock, url }), (error) => {
    assert.ok(error instanceof TaskyardError && error.code === code, String(error))
    assert.match(error.message, reason)
    return true
  })
}

interface Cleanup {
  after(clean: () => unknown): void
}

async function serverWith(t: Cleanup, settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await startServer('redis', { settings })
  t.after(() => server.destroy())
  return server
}
