import type { Clock, OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'

/**
 * The store itself, without an engine around it: nothing sweeps, nothing beats. `storeTime` takes the place of the
 * server's clock, so that a history can be written that looks as if it had grown over days.
 */
export async function openStore(url: string, storeTime?: () => number): Promise<OpenedStore> {
  const store = await openWithout(url, storeTime === undefined ? {} : { storeTime })
  await store.lifecycle.migrate()
  return store
}

interface Time {
  readonly storeTime?: () => number
}

async function openWithout(url: string, time: Time): Promise<OpenedStore> {
  const options = { url, clock: systemClock, ...time }
  switch (url.split(':')[0]) {
    case 'postgres':
      return opened(import('@taskyard/store-postgres').then((module) => module.openPostgresStore(options)))
    case 'redis':
      return opened(import('@taskyard/store-redis').then((module) => module.openRedisStore(options)))
    case 'mongodb': {
      const unsafe = { ...options, allowUnsafeDurability: true }
      return opened(import('@taskyard/store-mongodb').then((module) => module.openMongoDbStore(unsafe)))
    }
    default:
      return openSqlite(url, time)
  }
}

async function opened(opening: Promise<OpenedStore>): Promise<OpenedStore> {
  return await opening
}

async function openSqlite(url: string, { storeTime }: Time): Promise<OpenedStore> {
  const { openSqliteStore } = await import('@taskyard/store-sqlite')
  const clock: Clock = storeTime === undefined ? systemClock : { ...systemClock, now: storeTime }
  return openSqliteStore({ path: url.replace(/^sqlite:/, ''), clock })
}
