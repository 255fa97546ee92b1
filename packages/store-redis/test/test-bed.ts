import type { TestContext } from 'node:test'
import { CLAIM, type OpenStore, type StoreSetting, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
import { type Finding, type OpenedStore, TaskyardError, typeDefaultsText } from '@taskyard/core'
import { createUuidV7Generator, systemClock, systemRandom } from '@taskyard/core/runtime'
import { openRedisStore, type RedisStoreOptions } from '@taskyard/store-redis'
import { sharedServer, startServer, type TestServer } from '@taskyard/test-servers'
import { Redis } from 'ioredis'

export { CLAIM, submissions } from '@taskyard/conformance'

/** Of these tests' tasks and workers. */
export const { namespace } = CLAIM

export const newId = createUuidV7Generator(systemClock)

/** A prefix that nobody else uses. */
export function freshPrefix(): string {
  return `test-${newId()}`
}

/** A store of its own prefix for the conformance suite, on the shared server or one of its own. */
export const openStore: OpenStore = async (setting) => {
  if (setting.ownServer !== true) return openOn((await sharedServer('redis')).url, setting)
  const server = await startServer('redis')
  const under = await openOn(server.url, setting)
  return {
    ...under,
    server: abrupt(server),
    async destroy() {
      await under.close()
      await server.destroy()
    },
  }
}

/** A cluster of one node. */
export async function startCluster(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const ofCluster = { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' }
  const server = await startServer('redis', { settings: { ...ofCluster, ...settings } })
  const redis = new Redis(server.url)
  await redis.cluster('ADDSLOTSRANGE', 0, 16383)
  while (!(await redis.cluster('INFO')).includes('cluster_state:ok')) await new Promise(setImmediate)
  redis.disconnect()
  return server
}

/** A store for the conformance suite on a given server. */
export async function openOn(url: string, setting: StoreSetting): Promise<StoreUnderTest & { close(): Promise<void> }> {
  const prefix = freshPrefix()
  const opened: OpenedStore[] = []
  const open = async ({ clock, time }: StoreSetting) => {
    const storeTime = time === 'server' ? {} : { storeTime: () => clock.now() }
    // Its timers are those of a process that lives in real time, whatever the tests' clock says.
    const local = { now: () => clock.now(), after: systemClock.after }
    const one = await openRedisStore({ url, prefix, clock: local, random: systemRandom, ...storeTime })
    opened.push(one)
    return one
  }
  const store = await open(setting)
  const news = store.news
  const close = async () => {
    for (const one of opened) await one.lifecycle.close()
  }
  return {
    store,
    news,
    close,
    async reopen() {
      await close()
      return await open(setting)
    },
    declareAsBefore: (namespace, { type, defaults }) =>
      onKeysOf(url, prefix, async (redis, key) => {
        await redis.hset(`${key}types:${namespace}`, type, typeDefaultsText(defaults))
        // It beats: the time goes on, and nobody notes it.
        await redis.hincrby(`${key}meta`, 'now', 1)
      }),
    openAnother: ({ clock } = {}) => open({ ...setting, clock: clock ?? setting.clock }),
    async destroy() {
      await close()
      await removeKeys(url, prefix)
    },
  }
}

/** Stopped as by a power failure. */
function abrupt(server: TestServer): NonNullable<StoreUnderTest['server']> {
  return {
    stop: () => server.kill(),
    start: () => server.start(),
    pause: async () => server.pause(),
    resume: async () => server.resume(),
  }
}

function removeKeys(url: string, prefix: string): Promise<void> {
  return onKeysOf(url, prefix, async (redis, key) => {
    for await (const keys of redis.scanStream({ match: `${key}*`, count: 1000 })) {
      if (keys.length > 0) await redis.unlink(...(keys as string[]))
    }
  })
}

/** Does something behind the store's back; all of its keys begin with `key`. */
async function onKeysOf(url: string, prefix: string, act: (redis: Redis, key: string) => Promise<void>): Promise<void> {
  const redis = new Redis(url)
  try {
    await act(redis, `{${prefix}}:`)
  } finally {
    redis.disconnect()
  }
}

/** A client that ends with its test, and does not give up while the server restarts. */
export function adminClient(t: { after(clean: () => unknown): void }, url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  // A server that is away is what some tests are about; the client connects again by itself.
  redis.on('error', () => {})
  t.after(() => redis.disconnect())
  return redis
}

/** Repeats the call while the server is away, which it may be for a while on a busy machine. */
export async function untilServed<Reply>(call: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof TaskyardError) || error.code !== 'store_unavailable') throw error
      await new Promise(setImmediate)
    }
  }
}

/** Findings that are not about the time that a busy machine takes. */
export function troubles(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ check, verdict }) => verdict !== 'ok' && check !== 'latency' && check !== 'slow scripts')
}

/** A store that closes with its test, on the shared server unless the options say otherwise. */
export async function openTestStore(t: TestContext, options: Partial<RedisStoreOptions> = {}): Promise<OpenedStore> {
  const url = options.url ?? (await sharedServer('redis')).url
  const opened = await openRedisStore({ url, clock: systemClock, prefix: freshPrefix(), ...options })
  t.after(() => opened.lifecycle.close())
  await opened.lifecycle.migrate()
  return opened
}

/** A task of its own id, made now. */
export const newTask = taskMaker(systemClock)
