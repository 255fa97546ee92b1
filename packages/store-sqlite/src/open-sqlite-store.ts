import { once } from 'node:events'
import { resolve } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import {
  type Clock,
  type MigrationReport,
  type OpenedStore,
  type ReadyLane,
  type ReadyListener,
  type StoreCopy,
  type StoreHealth,
  TaskyardError,
  unhealthy,
} from '@taskyard/core'
import { threadFlags } from '@taskyard/core/runtime'
import { threadModule } from '@taskyard/core/threads'
import { backupOf } from './backup.ts'
import { facetsOf, type OperationCall } from './facets.ts'
import { createSteadyClock, type StoreTime } from './steady-clock.ts'
import { createThreadCalls, errorFromWire, type ThreadCalls } from './thread-calls.ts'
import type { RepliesMessage, Reply } from './thread-protocol.ts'

const THREAD = 'store-sqlite/sqlite-thread'

export interface SqliteStoreOptions {
  /** Where the database file is; made when missing, with its folder. */
  readonly path: string
  readonly clock: Clock
  /** Opens a file that was copied without its log, which is refused otherwise: what was in the log alone is gone. */
  readonly acceptLostLog?: boolean
}

/**
 * The task store in one SQLite file, in WAL mode with every commit synced, on a thread of its own. Opening checks the
 * file, locks it for this process and brings its schema up to date.
 * @throws TaskyardError store_locked, store_corrupt, store_log_lost, store_too_new, store_read_only, store_full or store_unavailable
 */
export async function openSqliteStore({
  path,
  clock,
  acceptLostLog = false,
}: SqliteStoreOptions): Promise<OpenedStore> {
  const file = path === ':memory:' ? path : resolve(path)
  const worker = new Worker(threadModule(import.meta.url, THREAD), {
    workerData: { thread: THREAD, path: file, acceptLostLog },
    name: 'store-sqlite',
    ...threadFlags(),
    // Calls come and go, so a small young generation serves; the old one holds what one transaction needs.
    resourceLimits: { maxOldGenerationSizeMb: 2048, maxYoungGenerationSizeMb: 8 },
  })
  const calls = createThreadCalls(worker)
  worker.on('error', (error) => {
    calls.fail(`its thread failed: ${error.message}`)
    // Nothing can be stored from here on. A process that ends is started again; one that lives on without a store is not.
    process.nextTick(() => {
      throw error
    })
  })
  worker.on('exit', () => calls.fail('its thread has ended'))
  const report = await started(worker)
  return createStore(worker, {
    calls,
    file,
    report,
    time: createSteadyClock(clock),
    durability: file === ':memory:' ? IN_MEMORY : SYNCED,
  })
}

async function started(worker: Worker): Promise<MigrationReport> {
  const [message] = (await once(worker, 'message')) as [RepliesMessage]
  const [reply] = message.replies as [Reply]
  if (!('error' in reply)) return reply.value as MigrationReport
  await worker.terminate()
  throw errorFromWire(reply.error)
}

const SYNCED = 'every commit synced to disk (SQLite, WAL, synchronous=FULL)'
const IN_MEMORY = 'none: tasks are in memory, and end with the process'

interface StartedThread {
  readonly calls: ThreadCalls
  readonly file: string
  readonly report: MigrationReport
  readonly time: () => StoreTime
  readonly durability: string
}

function createStore(worker: Worker, { calls, file, report, time, durability }: StartedThread): OpenedStore {
  const listeners = new Set<ReadyListener>()
  let closing: Promise<void> | null = null
  function tellReady(lanes: readonly ReadyLane[]): void {
    if (lanes.length > 0) for (const listener of listeners) listener(lanes)
  }
  worker.on('message', ({ replies, ready }: RepliesMessage) => {
    calls.settle(replies)
    if (ready !== null) tellReady(ready)
  })
  // Every operation answers with what its function in operations/ returns.
  const call = ((operation, params) => calls.call(operation, params, time())) as OperationCall
  return {
    ...facetsOf(call, tellReady),
    wakeUps: {
      subscribe(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    news: null,
    lifecycle: {
      durability,
      migrate: async () => report,
      health: () => health(call),
      backup: oneAtATime((ended) => backupOf(file, calls.copy, ended)),
      threadAccess() {
        const { port1, port2 } = new MessageChannel()
        calls.post({ kind: 'connect', port: port1 }, [port1])
        const module = threadModule(import.meta.url, 'store-sqlite/lease-extender').href
        return { module, data: { port: port2 }, transfer: [port2] }
      },
      close() {
        closing ??= closeThread(worker, calls)
        return closing
      },
    },
  }
}

/** @param backup calls `ended` when its copy was read or given up: until then it takes up its room on the disk */
function oneAtATime(backup: (ended: () => void) => Promise<StoreCopy>): () => Promise<StoreCopy> {
  let isUnderWay = false
  const ended = () => {
    isUnderWay = false
  }
  return async () => {
    if (isUnderWay) throw new TaskyardError('backup_under_way')
    isUnderWay = true
    try {
      return await backup(ended)
    } catch (error) {
      ended()
      throw error
    }
  }
}

async function closeThread(worker: Worker, calls: ThreadCalls): Promise<void> {
  const exited = once(worker, 'exit')
  await calls.stop().catch(() => undefined)
  await exited
}

async function health(call: OperationCall): Promise<StoreHealth> {
  const from = performance.now()
  try {
    const { sizeBytes, shortage } = await call('probe', null)
    const latencyMs = performance.now() - from
    if (shortage === null) return { healthy: true, latencyMs, reason: null, sizeBytes }
    return { ...unhealthy(new TaskyardError('store_full', { reason: shortage }), latencyMs), sizeBytes }
  } catch (error) {
    return unhealthy(error, performance.now() - from)
  }
}
