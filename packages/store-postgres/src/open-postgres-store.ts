import type { Clock, OpenedStore, ThreadAccess } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { threadModule } from '@taskyard/core/threads'
import { openDatabase } from './database.ts'
import { checkDurability } from './durability.ts'
import { facetsOf } from './facets.ts'
import { createIdSkew } from './id-times.ts'
import { createLanes } from './lanes.ts'
import { readPostgresUrl } from './location.ts'
import { openMaintenance } from './maintenance.ts'
import { migrate } from './migrate.ts'
import { createClaims } from './operations/claim.ts'
import { health } from './operations/health.ts'
import { createLockTurns, type LockTurns } from './operations/lock-turns.ts'
import { createQueueDepths } from './operations/queue-depths.ts'
import { settle } from './operations/settle.ts'
import { createSweeping } from './operations/sweep.ts'
import { asRefusal } from './postgres-errors.ts'
import { checkSettings, lockTableSize } from './server-settings.ts'
import { createServerTime } from './server-time.ts'
import { createSignals } from './signals.ts'
import type { StoreContext } from './store-context.ts'

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with `schema`, `connections` and `listen` as parameters of ours. */
  readonly url: string
  /** Of this process: for timers. The times of tasks are the server's. */
  readonly clock: Clock
  /** Opens also on a server whose settings may lose acknowledged tasks. */
  readonly allowUnsafeDurability?: boolean
  /** Replaces the server's clock (ms), for tests; how often chores run goes by it, too. */
  readonly storeTime?: () => number
}

/**
 * The task store in a schema of a PostgreSQL database, 15 or later. Any number of processes may use it together.
 * @throws TaskyardError invalid_configuration, store_unavailable, unsafe_durability
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<OpenedStore> {
  const location = readPostgresUrl(options.url)
  const database = openDatabase(location)
  try {
    await checkSettings(database.run)
    const durability = await checkDurability(database, options.allowUnsafeDurability === true)
    const lockTurns = createLockTurns(await lockTableSize(database.run))
    return createStore(options, location, database, durability, lockTurns)
  } catch (error) {
    await database.close()
    throw asRefusal(error)
  }
}

function createStore(
  { url, clock, storeTime }: PostgresStoreOptions,
  location: ReturnType<typeof readPostgresUrl>,
  database: ReturnType<typeof openDatabase>,
  durability: string,
  lockTurns: LockTurns,
): OpenedStore {
  const nowMs = () => performance.now()
  const lanes = createLanes(database)
  const processId = createUuidV7Generator(clock)()
  const signals = createSignals(database, lanes, location, processId)
  const maintenance = openMaintenance(location)
  const time = createServerTime(storeTime)
  const context: StoreContext = {
    database,
    maintenance,
    lanes,
    time,
    idSkew: createIdSkew(database),
    lockTurns,
    hintReady: signals.hintReady,
    publishReady(numbers) {
      for (const lane of numbers) claims.putBack(lane)
      signals.publishReady(numbers)
    },
  }
  const claims = createClaims(context, nowMs, (namespace, leases) => {
    const settlements = leases.map((lease) => ({ ...lease, outcome: 'released' as const }))
    return settle(context, claims, { namespace, settlements, claim: null })
  })
  const depths = createQueueDepths(database, nowMs)
  const sweeping = createSweeping(context, processId, storeTime ?? nowMs)
  let closing: Promise<void> | null = null
  async function close(): Promise<void> {
    sweeping.stop()
    await Promise.all([signals.close(), maintenance.close()])
    await sweeping.idle()
    await database.close()
  }
  return {
    ...facetsOf(context, { claims, depths, sweeping }, () => closing !== null),
    wakeUps: signals.wakeUps,
    news: signals.news,
    lifecycle: {
      durability,
      async migrate() {
        const report = await migrate(database, maintenance, location.shown)
        signals.start()
        return report
      },
      health: () => health(database, nowMs),
      threadAccess: () => extenderAccess(url, storeTime),
      close() {
        closing ??= close()
        return closing
      },
    },
  }
}

function extenderAccess(url: string, storeTime: (() => number) | undefined): ThreadAccess {
  const module = threadModule(import.meta.url, 'store-postgres/lease-extender').href
  return { module, data: { url, now: storeTime?.() ?? null }, transfer: [] }
}
