import type { BusMessage, EventBus, ReadyLane, ReadyListener } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import pg from 'pg'
import { connectionOptions, type Database } from './database.ts'
import type { Lanes } from './lanes.ts'
import type { PostgresLocation } from './location.ts'

/** News go out at once, and then at most this often. NOTIFY makes commits wait for each other, so it is used sparingly. */
const NEWS_EVERY_MS = 20
const RECONNECT_MS = 500
/** Less than the 8000 bytes that a notification may have. */
const NOTIFICATION_BYTES = 7500
/** Messages in one notification at most; the others are dropped, which costs latency only. */
const MESSAGES = 90

/** Without waiting for the disk, as every commit that is written meanwhile would do, too. */
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`

export interface WakeUps {
  readonly bus: EventBus
  /** These lanes will have ready tasks: for the listeners of this process. */
  foretell(lanes: readonly ReadyLane[]): void
  /** These lanes have got ready tasks. */
  readied(lanes: readonly number[]): void
  onReady(listener: ReadyListener): () => void
  /** Begins to listen. Idempotent. */
  start(): void
  close(): Promise<void>
}

interface News {
  /** Which process sent it; empty for one that wants to hear of it too. */
  readonly from: string
  readonly lanes?: readonly number[]
  readonly messages?: readonly BusMessage[]
}

/**
 * Wake-ups and news between the processes on a store, by LISTEN and NOTIFY. Within the process listeners are called
 * directly. Losing any of it costs latency only: whoever waits looks for itself now and then.
 */
export function createWakeUps(
  database: Database,
  lanes: Lanes,
  location: PostgresLocation,
  processId: string,
): WakeUps {
  const listeners = new Set<ReadyListener>()
  const subscribers = new Set<(message: BusMessage) => void>()
  const channel = `${location.schema}:ready`
  let pendingLanes = new Set<number>()
  let pendingMessages: BusMessage[] = []
  let isWaiting = false
  let cancelTimers: (() => void)[] = []
  let started = false
  let closed = false
  let client: pg.Client | null = null

  async function tellLanes(numbers: readonly number[]): Promise<void> {
    await lanes.load(numbers)
    const named = numbers.map((lane) => lanes.get(lane))
    for (const listener of listeners) listener(named)
  }

  function send(): void {
    if (isWaiting || closed) return
    isWaiting = true
    after(NEWS_EVERY_MS, () => {
      isWaiting = false
      if (pendingLanes.size > 0 || pendingMessages.length > 0) send()
    })
    const news: News = { from: processId, lanes: [...pendingLanes], messages: pendingMessages }
    pendingLanes = new Set()
    pendingMessages = []
    const text = JSON.stringify(news)
    const fitting = text.length <= NOTIFICATION_BYTES ? text : JSON.stringify({ ...news, messages: [] })
    if (fitting.length > NOTIFICATION_BYTES) return
    database.run(NOTIFY, [channel, fitting]).catch(() => {})
  }

  function after(delayMs: number, callback: () => void): void {
    // A network is waited for in real time, whatever clock the tasks go by.
    const cancel = systemClock.after(delayMs, () => {
      cancelTimers = cancelTimers.filter((other) => other !== cancel)
      callback()
    })
    cancelTimers.push(cancel)
  }

  async function listen(): Promise<void> {
    if (closed) return
    const next = new pg.Client(connectionOptions(location.listenString ?? location.connectionString))
    let isOver = false
    const onEnd = () => {
      if (isOver) return
      isOver = true
      next.end().catch(() => {})
      if (client === next) client = null
      if (!closed) after(RECONNECT_MS, () => void listen())
    }
    next.on('error', onEnd)
    next.on('end', onEnd)
    next.on('notification', ({ payload }) => hear(payload))
    try {
      await next.connect()
      client = next
      await next.query(`LISTEN "${channel}"`)
      // Whatever was missed while nobody listened.
      await tellLanes((await lanes.all()).map(({ lane }) => lane))
      if (closed) onEnd()
    } catch {
      onEnd()
    }
  }

  function hear(payload: string | undefined): void {
    const { from, lanes: readyLanes = [], messages = [] } = JSON.parse(payload ?? '{}') as News
    if (from === processId) return
    if (readyLanes.length > 0) tellLanes(readyLanes).catch(() => {})
    for (const message of messages) for (const subscriber of subscribers) subscriber(message)
  }

  return {
    bus: {
      publish(message) {
        for (const subscriber of subscribers) subscriber(message)
        if (pendingMessages.length < MESSAGES) pendingMessages.push(message)
        send()
      },
      subscribe(subscriber) {
        subscribers.add(subscriber)
        return () => subscribers.delete(subscriber)
      },
    },
    foretell(named) {
      for (const listener of listeners) listener(named)
    },
    readied(numbers) {
      if (numbers.length === 0) return
      const distinct = [...new Set(numbers)]
      tellLanes(distinct).catch(() => {})
      for (const lane of distinct) pendingLanes.add(lane)
      send()
    },
    onReady(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    start() {
      if (started) return
      started = true
      void listen()
    },
    async close() {
      closed = true
      for (const cancel of cancelTimers) cancel()
      await client?.end().catch(() => {})
    },
  }
}
