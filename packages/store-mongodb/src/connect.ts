import { type Clock, TaskyardError } from '@taskyard/core'
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { assertUsable, type Deployment, durabilityOf, readDeployment, whyUnsafe } from './deployment.ts'
import { watchHeartbeats } from './heartbeat-watch.ts'
import { toStoreError } from './mongodb-errors.ts'
import { createServerClock, type ServerClock } from './server-clock.ts'
import { readSettings, type Settings, unreadableUrl } from './settings.ts'

/** A server that cannot be had is given up after this. Milliseconds. */
const SELECTION_TIMEOUT_MS = 5_000
/** A server that does not answer is given up after this. */
const SOCKET_TIMEOUT_MS = 10_000
/** The server's clock is read anew when the answer takes longer. */
const SAMPLE_MS = 5_000

/** No replica set without a primary, and no server that hangs, holds a call up for longer. */
const CLIENT_OPTIONS: MongoClientOptions = {
  appName: 'taskyard',
  serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
  connectTimeoutMS: SELECTION_TIMEOUT_MS,
  socketTimeoutMS: SOCKET_TIMEOUT_MS,
  // Many calls at once wait for each other here, on a server that answers: no reason to give up before the call does.
  waitQueueTimeoutMS: SOCKET_TIMEOUT_MS,
  heartbeatFrequencyMS: 2_000,
}

export interface Connection {
  readonly client: MongoClient
  readonly settings: Settings
  readonly deployment: Deployment
  readonly durability: string
  /** Idempotent. */
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly url: string
  /** For timers. */
  readonly clock: Clock
  readonly allowUnsafeDurability?: boolean
  /** Connections at most; the driver's own default otherwise. */
  readonly maxPoolSize?: number
}

/** @throws TaskyardError invalid_configuration, unsafe_durability, store_read_only, store_unavailable within 5 s */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { url, maxPoolSize } = options
  const settings = readSettings(url)
  const client = createClient(settings.url, maxPoolSize === undefined ? {} : { maxPoolSize })
  try {
    await client.connect()
    const deployment = await readDeployment(client)
    assertUsable(deployment)
    const unsafe = settings.weakness ?? (await whyUnsafe(client, deployment))
    if (unsafe !== null && options.allowUnsafeDurability !== true) {
      throw new TaskyardError('unsafe_durability', { reason: capitalized(unsafe) })
    }
    if (settings.wakeUps === 'changeStream' && !deployment.changeStreams) {
      const reason = `wakeUps=changeStream needs a replica set or a sharded cluster, this is ${deployment.kind}`
      throw new TaskyardError('invalid_configuration', { reason })
    }
    const stopWatching = watchHeartbeats(client, options.clock, () => performance.now())
    return {
      client,
      settings,
      deployment,
      durability: durabilityOf(deployment, unsafe),
      async close() {
        stopWatching()
        await client.close()
      },
    }
  } catch (error) {
    await client.close().catch(() => {})
    throw toStoreError(error)
  }
}

/**
 * Gives `run` a client of its own, whose commands may take so long (ms) on a server that lives: one that hangs as a whole is
 * found out by the driver's heartbeats, as ever.
 */
export async function withPatientClient<Result>(
  { url }: Settings,
  commandMs: number,
  run: (client: MongoClient) => Promise<Result>,
): Promise<Result> {
  const client = createClient(url, { socketTimeoutMS: commandMs, maxPoolSize: 1 })
  try {
    return await run(client)
  } finally {
    await client.close().catch(() => {})
  }
}

function createClient(url: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(url, { ...CLIENT_OPTIONS, ...options })
  } catch (error) {
    // Nothing was connected yet: whatever this is, it is in the URL.
    throw unreadableUrl(error)
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** @param clock for timers, and as this machine's time of day */
export function serverClockOf(client: MongoClient, clock: Clock): ServerClock {
  return createServerClock(() => withDeadline(clock, SAMPLE_MS, () => readServerTime(client)), {
    monotonic: () => performance.now(),
    timeOfDay: () => clock.now(),
  })
}

/** The server's time of day, ms. */
async function readServerTime(client: MongoClient): Promise<number> {
  const { localTime } = await client.db('admin').command({ hello: 1 })
  return (localTime as Date).getTime()
}

/**
 * Runs a call and gives it up at its deadline: whatever the driver does then, its caller goes on. It may have been done.
 * What many calls share needs this most: a command written to a connection in the moment it breaks is never answered.
 */
export function withDeadline<Reply>(clock: Clock, milliseconds: number, call: () => Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(milliseconds, () => {
      reject(new TaskyardError('store_unavailable', { reason: `the server did not answer within ${milliseconds} ms` }))
    })
    call()
      .then(resolve, (error) => reject(toStoreError(error)))
      .finally(cancel)
  })
}
