import {
  createNewsRelay,
  monotonicClock,
  type NewsPort,
  type ReadyLane,
  type ReadyListener,
  type WakeUpsPort,
} from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import type { Database } from './database.ts'
import type { Lanes } from './lanes.ts'
import { LISTENING_LIMITS, ListeningConnection } from './listening-connection.ts'
import type { PostgresLocation } from './location.ts'
import { readNotification } from './notifications.ts'
import { createNotifier, NOTIFY_EVERY_MS } from './notifier.ts'

/** Tasks told of at a time; what is more is dropped, and said to be missed. */
const MOST_TASKS = 90

export interface Signals {
  readonly wakeUps: WakeUpsPort
  readonly news: NewsPort
  /** These lanes will have ready tasks: for the listeners of this process. */
  hintReady(lanes: readonly ReadyLane[]): void
  /** These lanes have got ready tasks. */
  publishReady(lanes: readonly number[]): void
  /** Begins to listen. Idempotent. */
  start(): void
  close(): Promise<void>
}

/**
 * Wake-ups and news between the processes on a store, by LISTEN and NOTIFY. Within the process listeners are called
 * directly. Losing any of it costs latency only: whoever waits looks for itself now and then.
 */
export function createSignals(
  database: Database,
  lanes: Lanes,
  location: PostgresLocation,
  processId: string,
  limits = LISTENING_LIMITS,
): Signals {
  const channel = `${location.schema}:ready`
  const listeners = new Set<ReadyListener>()
  const notifier = createNotifier(database, channel, processId)
  const relay = createNewsRelay({
    clock: monotonicClock(systemClock),
    pauseMs: () => NOTIFY_EVERY_MS,
    mostTasks: MOST_TASKS,
    send: notifier.tellNews,
    sendCancels: notifier.tellCancels,
  })
  let connection: ListeningConnection | null = null

  function wake(named: readonly ReadyLane[]): void {
    for (const listener of listeners) listener(named)
  }

  async function wakeByNumber(numbers: readonly number[]): Promise<void> {
    const named = await namesOf(lanes, numbers)
    if (named.length > 0) wake(named)
  }

  function hear(payload: string): void {
    const heard = readNotification(payload)
    if (heard === null || heard.from === processId) return
    if (heard.lanes.length > 0) wakeByNumber(heard.lanes).catch(() => {})
    relay.hear(heard.from, heard.messages)
  }

  /** For whatever was missed while nobody listened. */
  async function wakeAll(): Promise<void> {
    relay.connected()
    await wakeByNumber((await lanes.all()).map(({ lane }) => lane))
  }

  return {
    wakeUps: { subscribe: (listener) => addTo(listeners, listener) },
    news: relay,
    hintReady: wake,
    publishReady(numbers) {
      if (numbers.length === 0) return
      wakeByNumber([...new Set(numbers)]).catch(() => {})
      notifier.tellLanes(numbers)
    },
    start() {
      connection ??= new ListeningConnection({ location, channel, limits, onPayload: hear, onListening: wakeAll })
    },
    async close() {
      relay.close()
      notifier.close()
      await connection?.close()
    },
  }
}

async function namesOf(lanes: Lanes, numbers: readonly number[]): Promise<readonly ReadyLane[]> {
  await lanes.load(numbers)
  return numbers.map((lane) => lanes.find(lane)).filter((lane) => lane !== undefined)
}

function addTo<Item>(items: Set<Item>, item: Item): () => void {
  items.add(item)
  return () => items.delete(item)
}
