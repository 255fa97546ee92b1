import {
  type Clock,
  type MigrationReport,
  type OpenedStore,
  type Random,
  type ReadyLane,
  type StoreHealth,
  TaskyardError,
  unhealthy,
} from '@taskyard/core'
import { systemRandom } from '@taskyard/core/runtime'
import { threadModule } from '@taskyard/core/threads'
import type { MongoClient } from 'mongodb'
import { createBoundedMap } from './bounded-map.ts'
import { collectionsOf } from './collections.ts'
import { type Connection, connect, serverClockOf, withDeadline, withPatientClient } from './connect.ts'
import { createCounters } from './counters.ts'
import type { Database } from './database.ts'
import { facetsOf, type StoreCall } from './facets.ts'
import { createLeaseCache } from './lease-cache.ts'
import * as operations from './operations/index.ts'
import { createLaneHeads } from './operations/lane-heads.ts'
import { migrate } from './schema.ts'
import { createGivenClock, type ServerClock } from './server-clock.ts'
import type { SignalDocument } from './signal-document.ts'
import { createSignals, type Signals } from './signals.ts'
import { createSingleFlight } from './single-flight.ts'

export interface MongoDbStoreOptions {
  /** `mongodb://…` or `mongodb+srv://…`; the database is its path, `taskyard` without one. */
  readonly url: string
  /** This machine's clock, for timers and to notice that it was suspended. Times in the data are the server's. */
  readonly clock: Clock
  readonly random?: Random
  readonly allowUnsafeDurability?: boolean
  /** Replaces the server's time, for tests. Milliseconds. */
  readonly storeTime?: () => number
}

/** No call takes longer: a server that hangs does not hold its callers. Milliseconds. */
const CALL_MS = 10_000
/** Lanes and queues that a process remembers; others are looked up again. */
const MOST_LANES = 50_000
const MOST_FILLINGS = 20_000
/** Indexes of a large store take their time. */
const MIGRATION_MS = 3_600_000

/**
 * The task store on MongoDB 6 and later: one document per task, every transition of it one conditional update, every write
 * journaled by a majority.
 * @throws TaskyardError invalid_configuration, unsafe_durability, store_read_only or store_unavailable, within 5 s
 */
export async function openMongoDbStore(options: MongoDbStoreOptions): Promise<OpenedStore> {
  const connection = await connect(options)
  const time = clockOf(connection, options)
  await time.sample()
  const signals = openSignals(connection, options, time)
  const database = openDatabase(connection, options, signals)
  return createStore(database, connection, signals, time, options)
}

function clockOf({ client }: Connection, { storeTime, clock }: MongoDbStoreOptions): ServerClock {
  return storeTime === undefined ? serverClockOf(client, clock) : createGivenClock(storeTime)
}

function openSignals(connection: Connection, options: MongoDbStoreOptions, time: ServerClock): Signals {
  const { client, settings, deployment } = connection
  const { queues } = collectionsOf(client, settings.database, deployment)
  const signals = createSignals({
    // News is not worth a majority.
    collection: client.db(settings.database, { writeConcern: { w: 1 } }).collection<SignalDocument>('signals'),
    clock: options.clock,
    processId: randomWord(options.random ?? systemRandom),
    changeStream: settings.wakeUps !== 'poll' && deployment.changeStreams,
    now: () => time.now(),
    async readyLanes() {
      return operations.allReadyLanes(queues)
    },
  })
  // The driver repeats a read by itself, so that an outage may show nowhere else.
  client.on('connectionPoolCleared', signals.assumeMissed)
  client.on('serverHeartbeatFailed', signals.assumeMissed)
  client.on('connectionClosed', ({ reason }) => {
    if (reason === 'error') signals.assumeMissed()
  })
  return signals
}

function openDatabase(
  { client, settings, deployment }: Connection,
  { random = systemRandom, clock }: MongoDbStoreOptions,
  signals: Signals,
): Database {
  const collections = collectionsOf(client, settings.database, deployment)
  const word = randomWord(random)
  let marks = 0
  return {
    ...collections,
    client,
    name: settings.database,
    deployment,
    counters: createCounters(collections.queues, word, clock),
    knownLanes: createBoundedMap(MOST_LANES),
    lanesUnderWay: createSingleFlight(clock),
    leases: createLeaseCache(),
    upkeep: { finished: null },
    fillings: createBoundedMap(MOST_FILLINGS),
    fillingsUnderWay: createSingleFlight(clock),
    laneHeads: createLaneHeads(collections.tasks, random, () => performance.now()),
    nextMark: () => `${word}.${(marks++).toString(36)}`,
    publishReady: (lanes: readonly ReadyLane[]) => signals.publishReady(lanes),
    monotonic: () => performance.now(),
  }
}

function randomWord(random: Random): string {
  const digits = () =>
    Math.floor(random() * 36 ** 8)
      .toString(36)
      .padStart(8, '0')
  return `${digits()}${digits()}`
}

function createStore(
  database: Database,
  connection: Connection,
  signals: Signals,
  time: ServerClock,
  { url, clock, allowUnsafeDurability = false }: MongoDbStoreOptions,
): OpenedStore {
  const { settings, deployment } = connection
  const underWay = new Set<Promise<unknown>>()
  let closing: Promise<void> | null = null

  /** Every call goes through here: not after the end, with the store's time, not for ever, with an error of the catalogue. */
  function call<Reply>(run: (now: number) => Promise<Reply>, milliseconds = CALL_MS): Promise<Reply> {
    if (closing !== null) return Promise.reject(new TaskyardError('store_unavailable', { reason: 'it is closed' }))
    const running = withDeadline(clock, milliseconds, async () => {
      await time.sample()
      return run(time.now())
    })
    const settled = running.catch(() => {}).finally(() => underWay.delete(settled))
    underWay.add(settled)
    return running
  }

  async function close(): Promise<void> {
    await Promise.all(underWay)
    await signals.close()
    await connection.close()
  }

  function migrateWith(client: MongoClient): Promise<MigrationReport> {
    return migrate(collectionsOf(client, settings.database, deployment), database)
  }

  return {
    ...facetsOf(database, call),
    wakeUps: signals.wakeUps,
    news: signals.news,
    lifecycle: {
      durability: connection.durability,
      migrate: () => call(() => withPatientClient(settings, MIGRATION_MS, migrateWith), MIGRATION_MS),
      health: () => health(database, call),
      threadAccess() {
        const module = threadModule(import.meta.url, 'store-mongodb/lease-extender').href
        return { module, data: { url, allowUnsafeDurability }, transfer: [] }
      },
      close() {
        closing ??= close()
        return closing
      },
    },
  }
}

async function health(database: Database, call: StoreCall): Promise<StoreHealth> {
  const from = performance.now()
  const latencyMs = () => performance.now() - from
  try {
    const sizeBytes = await call((now) => operations.probe(database, now))
    return { healthy: true, latencyMs: latencyMs(), reason: null, sizeBytes }
  } catch (error) {
    return unhealthy(error, latencyMs())
  }
}
