import type { Clock, MigrationReport, OpenedStore, Random, ThreadAccess } from '@taskyard/core'
import { monotonicClock, TaskyardError } from '@taskyard/core'
import { systemRandom } from '@taskyard/core/runtime'
import { threadModule } from '@taskyard/core/threads'
import type { CallContext } from './call-context.ts'
import { type Client, connect, type Reply, type RunScript, scriptRunner } from './connection.ts'
import { facetsOf } from './facets.ts'
import { health } from './health-call.ts'
import type { ExtenderData } from './lease-extender.ts'
import { toStoreError } from './redis-errors.ts'
import { createRedisNews } from './redis-news.ts'
import { parseRedisUrl, type RedisAddress } from './redis-url.ts'
import { createRedisWakeUps } from './redis-wake-ups.ts'
import { SCRIPTS } from './scripts.ts'
import { assertSafe, durabilityOf, readServerFacts, type ServerFacts } from './server-facts.ts'
import { keepSubscribed } from './subscription.ts'
import { F } from './task-records.ts'

export interface RedisStoreOptions {
  /** `redis://user:password@host:port/db?prefix=…`; `rediss:` for TLS. See docs/guides/redis.md. */
  readonly url: string
  /** This process's own clock: timers only. The times of tasks are the server's. */
  readonly clock: Clock
  readonly random?: Random
  /** Takes a server whose settings may lose acknowledged tasks. */
  readonly allowUnsafeDurability?: boolean
  /** Replaces the server's clock, for tests. Milliseconds. */
  readonly storeTime?: () => number
  /** What every key begins with; stores of different prefixes know nothing of each other. Default: the URL's, or `taskyard`. */
  readonly prefix?: string
}

/** The version of what is stored. */
const SCHEMA_VERSION = 1

/**
 * The task store in Redis 7 or Valkey, its own queue included. Reconnects by itself, for ever.
 * @throws TaskyardError invalid_configuration, store_unavailable, store_read_only, unsafe_durability
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<OpenedStore> {
  const wanted = parseRedisUrl(options.url, options.prefix)
  const { client, facts } = await connectSafely(wanted, options)
  const address = { ...wanted, cluster: facts.isCluster }
  try {
    return await createStore(options, address, client, facts)
  } catch (error) {
    client.disconnect()
    throw toStoreError(error)
  }
}

async function connectSafely(address: RedisAddress, { clock, allowUnsafeDurability }: RedisStoreOptions) {
  let client = await connect(address, clock)
  try {
    const facts = await readServerFacts(client)
    if (facts.isReplica) throw new TaskyardError('store_read_only', { reason: `${address.shown} is a replica` })
    if (allowUnsafeDurability !== true) assertSafe(facts)
    if (facts.isCluster && !address.cluster) {
      client.disconnect()
      client = await connect({ ...address, cluster: true }, clock)
    }
    return { client, facts }
  } catch (error) {
    client.disconnect()
    throw toStoreError(error)
  }
}

async function createStore(
  { clock, storeTime, random = systemRandom }: RedisStoreOptions,
  address: RedisAddress,
  client: Client,
  facts: ServerFacts,
): Promise<OpenedStore> {
  const key = (name: string) => `{${address.prefix}}:${name}`
  const calls = countedCalls(scriptRunner(client, address.prefix, () => anyLaneMayBeReady()))
  const origin = `${random()}`.slice(2) + `${random()}`.slice(2)
  const sender = (channel: string) => (text: string) => void client.publish(key(channel), text).catch(() => {})
  const wakeUps = createRedisWakeUps(origin, clock, sender('ready'))
  const news = createRedisNews(origin, monotonicClock(clock), { news: sender('news'), cancels: sender('cancels') })
  const context: CallContext = {
    run: calls.run,
    now: () => (storeTime === undefined ? '' : String(storeTime())),
    publishReady: wakeUps.publishReady,
    hintReady: wakeUps.hintReady,
    signature: wakeUps.signature,
  }
  const anyLaneMayBeReady = () => {
    client.hvals(key('names')).then(
      (names) => wakeUps.hear(['', ...names].join(F)),
      () => {},
    )
  }
  // Whichever of the two connections comes back last: then news may have been missed, and all can be asked for.
  client.on('ready', anyLaneMayBeReady)
  const subscription = await keepSubscribed(
    await connect(address, clock),
    clock,
    { [key('ready')]: wakeUps.hear, [key('news')]: news.hear, [key('cancels')]: news.hear },
    () => {
      anyLaneMayBeReady()
      news.connected()
    },
  )
  news.connected()
  let closing: Promise<void> | null = null

  return {
    ...facetsOf(context),
    wakeUps,
    news,
    lifecycle: {
      durability: durabilityOf(facts),
      migrate: () => migrate(context.run),
      health: () => health(context.run),
      threadAccess: () => extenderAccess(address),
      close() {
        closing ??= calls.finish().then(() => {
          wakeUps.close()
          news.close()
          subscription.close()
          client.disconnect()
        })
        return closing
      },
    },
  }
}

function extenderAccess(address: RedisAddress): ThreadAccess {
  const module = threadModule(import.meta.url, 'store-redis/lease-extender').href
  return { module, data: { address } satisfies ExtenderData, transfer: [] }
}

async function migrate(run: RunScript): Promise<MigrationReport> {
  const [from, to] = (await run(SCRIPTS.migrate, [SCHEMA_VERSION])) as [number, number]
  if (to > SCHEMA_VERSION) {
    throw new TaskyardError('store_too_new', { path: 'the Redis store', found: to, known: SCHEMA_VERSION })
  }
  return { from, to }
}

/** Refuses calls once closed, and knows when those under way have ended. */
function countedCalls(run: RunScript) {
  const underWay = new Set<Promise<Reply>>()
  let closed = false
  return {
    async run(...call: Parameters<RunScript>) {
      if (closed) throw new TaskyardError('store_unavailable', { reason: 'it is closed' })
      const reply = run(...call)
      underWay.add(reply)
      try {
        return await reply
      } finally {
        underWay.delete(reply)
      }
    },
    async finish() {
      closed = true
      await Promise.allSettled(underWay)
    },
  }
}
