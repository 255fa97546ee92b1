import type { Clock, TaskStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'

/**
 * The store itself, without an engine around it: nothing sweeps, nothing beats. `storeTime` takes the place of the
 * server's clock, so that a history can be written that looks as if it had grown over days.
 */
export async function openStore(url: string, storeTime?: () => number): Promise<TaskStore> {
  const clock: Clock = storeTime === undefined ? systemClock : { ...systemClock, now: storeTime }
  const store = url.startsWith('postgres:') ? await openPostgres(url, storeTime) : await openSqlite(url, clock)
  await store.migrate()
  return store
}

async function openPostgres(url: string, storeTime?: () => number): Promise<TaskStore> {
  const { openPostgresStore } = await import('@taskyard/store-postgres')
  const { store } = await openPostgresStore({
    url,
    clock: systemClock,
    ...(storeTime === undefined ? {} : { storeTime }),
  })
  return store
}

async function openSqlite(url: string, clock: Clock): Promise<TaskStore> {
  const { openSqliteStore } = await import('@taskyard/store-sqlite')
  return openSqliteStore({ path: url.replace(/^sqlite:/, ''), clock })
}
