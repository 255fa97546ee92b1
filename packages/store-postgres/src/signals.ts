import {
  type CancelRequested,
  createNewsRelay,
  type NewsItem,
  type NewsPort,
  type ReadyLane,
  type ReadyListener,
  unsettable,
} from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import pg from 'pg'
import type { Database } from './database.ts'
import { connectionOptions, hangUp, send } from './driver.ts'
import type { Lanes } from './lanes.ts'
import type { PostgresLocation } from './location.ts'
import { readNotification, writeNotifications } from './notifications.ts'
import { CALL_TIMEOUT_MS } from './time-limits.ts'

/** News go out at once, and then at most this often. NOTIFY makes commits wait for each other, so it is used sparingly. */
const NEWS_EVERY_MS = 20
const RECONNECT_MS = 500
/** A connection over which nothing comes shows only when asked that it is dead. */
const ASK_EVERY_MS = 10_000
/** Tasks told of at a time; what is more is dropped, and said to be missed. */
const MOST_TASKS = 90

/** Without waiting for the disk, as every commit that is written meanwhile would do, too. */
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
  FROM unnest($2::text[]) AS p (payload)`

export interface WakeUps {
  readonly news: NewsPort
  /** These lanes will have ready tasks: for the listeners of this process. */
  foretell(lanes: readonly ReadyLane[]): void
  /** These lanes have got ready tasks. */
  readied(lanes: readonly number[]): void
  subscribe(listener: ReadyListener): () => void
  /** Begins to listen. Idempotent. */
  start(): void
  close(): Promise<void>
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
  { askEveryMs, answerMs } = { askEveryMs: ASK_EVERY_MS, answerMs: CALL_TIMEOUT_MS },
): WakeUps {
  const listeners = new Set<ReadyListener>()
  const channel = `${location.schema}:ready`
  let pendingLanes = new Set<number>()
  let pendingNews: NewsItem[] = []
  let pendingCancels: CancelRequested[] = []
  let isWaiting = false
  let cancelTimers: (() => void)[] = []
  let started = false
  let closed = false
  let client: pg.Client | null = null
  const relay = createNewsRelay({
    clock: unsettable(systemClock),
    pauseMs: () => NEWS_EVERY_MS,
    mostTasks: MOST_TASKS,
    send(items) {
      pendingNews.push(...items)
      sendNews()
    },
    sendCancels(requests) {
      pendingCancels.push(...requests)
      sendNews()
    },
  })

  async function tellLanes(numbers: readonly number[]): Promise<void> {
    await lanes.load(numbers)
    const named = numbers.map((lane) => lanes.find(lane)).filter((lane) => lane !== undefined)
    if (named.length === 0) return
    for (const listener of listeners) listener(named)
  }

  function sendNews(): void {
    if (isWaiting || closed) return
    isWaiting = true
    after(NEWS_EVERY_MS, () => {
      isWaiting = false
      if (pendingLanes.size + pendingNews.length + pendingCancels.length > 0) sendNews()
    })
    const messages = [...pendingCancels, ...pendingNews]
    const payloads = writeNotifications({ from: processId, lanes: [...pendingLanes], messages })
    pendingLanes = new Set()
    pendingNews = []
    pendingCancels = []
    database.run(NOTIFY, [channel, payloads]).catch(() => {})
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
      hangUp(next)
      if (client === next) client = null
      if (!closed) after(RECONNECT_MS, () => void listen())
    }
    next.on('error', onEnd)
    next.on('end', onEnd)
    next.on('notification', ({ payload }) => hear(payload))
    const askLater = () => {
      if (closed || isOver) return
      after(askEveryMs, () => {
        send(next, { text: 'SELECT 1', rowMode: 'array' }, answerMs).then(askLater, onEnd)
      })
    }
    try {
      await next.connect()
      client = next
      await next.query(`LISTEN "${channel}"`)
      relay.connected()
      // Whatever was missed while nobody listened.
      await tellLanes((await lanes.all()).map(({ lane }) => lane))
      if (closed) onEnd()
      askLater()
    } catch {
      onEnd()
    }
  }

  function hear(payload: string | undefined): void {
    const news = readNotification(payload ?? '')
    if (news === null || news.from === processId) return
    if (news.lanes.length > 0) tellLanes(news.lanes).catch(() => {})
    relay.hear(news.from, news.messages)
  }

  return {
    news: relay,
    foretell(named) {
      for (const listener of listeners) listener(named)
    },
    readied(numbers) {
      if (numbers.length === 0) return
      const distinct = [...new Set(numbers)]
      tellLanes(distinct).catch(() => {})
      for (const lane of distinct) pendingLanes.add(lane)
      sendNews()
    },
    subscribe(listener) {
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
      relay.close()
      for (const cancel of cancelTimers) cancel()
      await client?.end().catch(() => {})
    },
  }
}
