import {
  createNewsRelay,
  monotonicClock,
  type NewsPort,
  type ReadyLane,
  type ReadyListener,
  type WakeUpsPort,
} from '@taskyard/core'
import { withDeadline } from './connect.ts'
import { createInbox, type InboxOptions } from './inbox.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { MOST_CHANGES } from './pending-news.ts'
import { SILENT_MS } from './signal-document.ts'

export interface Signals {
  readonly wakeUps: WakeUpsPort
  readonly news: NewsPort
  publishReady(lanes: readonly ReadyLane[]): void
  /** There was trouble with the server: news may have been missed, and everybody is woken once it can be read again. */
  assumeMissed(): void
  close(): Promise<void>
}

export type SignalsOptions = Omit<InboxOptions, 'onRead' | 'onReady' | 'onMessages' | 'onMissed'>

/** Between two writes of a process. Readers that poll would not see more. */
const STREAM_PAUSE_MS = 20
const POLL_PAUSE_MS = 200
const UPKEEP_MS = 30_000
/** The last word may take so long. */
const CLOSE_MS = 1_000

/** News between processes through a small collection. Best effort: what is lost costs time, never a task. */
export function createSignals(options: SignalsOptions): Signals {
  const { clock } = options
  const readyListeners = new Set<ReadyListener>()
  const pauseMs = () => (inbox.isTold() ? STREAM_PAUSE_MS : POLL_PAUSE_MS)
  const relay = createNewsRelay({
    clock: monotonicClock(clock),
    pauseMs,
    mostTasks: MOST_CHANGES,
    send: (items) => outbox.publishNews(items),
    sendCancels: (requests) => outbox.publishNews(requests),
  })
  const inbox = createInbox({
    ...options,
    onRead: () => upkeep.due(),
    onReady: tellReady,
    onMessages: relay.hear,
    onMissed: relay.missed,
  })
  const outbox = createOutbox({ ...options, pauseMs })
  const upkeep = createUpkeep(options, outbox)
  let isReading = false
  let closed = false

  function tellReady(ready: readonly ReadyLane[]): void {
    if (ready.length > 0) for (const listener of readyListeners) listener(ready)
  }

  function read(): void {
    if (isReading || closed) return
    isReading = true
    inbox.start()
    relay.connected()
  }

  return {
    news: readingBefore(relay, read),
    publishReady(ready) {
      if (closed) return
      tellReady(ready)
      outbox.publishReady(ready)
    },
    wakeUps: {
      subscribe(listener) {
        const own: ReadyListener = (ready) => listener(ready)
        readyListeners.add(own)
        read()
        return () => void readyListeners.delete(own)
      },
    },
    assumeMissed: inbox.assumeMissed,
    async close() {
      closed = true
      relay.close()
      upkeep.stop()
      await withDeadline(clock, CLOSE_MS, () => Promise.all([inbox.stop(), outbox.close()])).catch(() => {})
    },
  }
}

/** What another process listens for is known to those who read alone. */
function readingBefore(relay: NewsPort, read: () => void): NewsPort {
  return {
    publish(message) {
      read()
      relay.publish(message)
    },
    subscribe(interest, listener) {
      read()
      return relay.subscribe(interest, listener)
    },
    isHeard(status) {
      read()
      return relay.isHeard(status)
    },
  }
}

/** Keeps this process among the living, and takes away those that are not, every 30 s while the server answers. */
function createUpkeep({ collection, clock, now }: SignalsOptions, outbox: Outbox) {
  let cancelTimer: (() => void) | null = null
  let stopped = false
  return {
    /** The server has answered. */
    due(): void {
      if (stopped) return
      if (cancelTimer !== null) return outbox.retry()
      cancelTimer = clock.after(UPKEEP_MS, () => {
        cancelTimer = null
      })
      outbox.refresh()
      void collection.deleteMany({ at: { $lte: now() - SILENT_MS } }).catch(() => {})
    },
    stop(): void {
      stopped = true
      cancelTimer?.()
    },
  }
}
