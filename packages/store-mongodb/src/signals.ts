import type { NewsMessage, NewsPort, ReadyLane, ReadyListener, WakeUpsPort } from '@taskyard/core'
import { withDeadline } from './connect.ts'
import { createInbox, type InboxOptions } from './inbox.ts'
import { createOutbox } from './outbox.ts'
import { SILENT_MS } from './signal-document.ts'

export interface Signals {
  readonly wakeUps: WakeUpsPort
  readonly news: NewsPort
  announce(lanes: readonly ReadyLane[]): void
  /** There was trouble with the server: news may have been missed, and everybody is woken once it can be read again. */
  suspect(): void
  close(): Promise<void>
}

export type SignalsOptions = Omit<InboxOptions, 'onRead' | 'onReady' | 'onMessage'>

/** Between two writes of a process. Readers that poll would not see more. */
const STREAM_PAUSE_MS = 20
const POLL_PAUSE_MS = 200
const UPKEEP_MS = 30_000
/** The last word may take so long. */
const FAREWELL_MS = 1_000

/** News between processes through a small collection. Best effort: what is lost costs time, never a task. */
export function createSignals(options: SignalsOptions): Signals {
  const { collection, clock } = options
  const readyListeners = new Set<ReadyListener>()
  const newsListeners = new Set<(message: NewsMessage) => void>()
  const inbox = createInbox({ ...options, onRead: keepUp, onReady: tellReady, onMessage: tellNews })
  const outbox = createOutbox({ ...options, pauseMs: () => (inbox.isTold() ? STREAM_PAUSE_MS : POLL_PAUSE_MS) })
  let isReading = false
  let cancelUpkeep: (() => void) | null = null
  let closed = false

  function tellReady(ready: readonly ReadyLane[]): void {
    if (ready.length > 0) for (const listener of readyListeners) listener(ready)
  }

  function tellNews(message: NewsMessage): void {
    for (const listener of newsListeners) listener(message)
  }

  function read(): void {
    if (isReading || closed) return
    isReading = true
    inbox.start()
  }

  /** Keeps this process among the living, and takes away those that are not, every 30 s while the server answers. */
  function keepUp(): void {
    if (closed) return
    if (cancelUpkeep !== null) {
      outbox.retry()
      return
    }
    cancelUpkeep = clock.after(UPKEEP_MS, () => {
      cancelUpkeep = null
    })
    outbox.refresh()
    void collection.deleteMany({ at: { $lte: options.now() - SILENT_MS } }).catch(() => {})
  }

  async function farewell(): Promise<void> {
    await Promise.all([inbox.stop(), outbox.close()])
  }

  return {
    news: {
      publish(message) {
        if (closed) return
        tellNews(message)
        outbox.publish(message)
      },
      subscribe(listener) {
        const own = (message: NewsMessage) => listener(message)
        newsListeners.add(own)
        read()
        return () => void newsListeners.delete(own)
      },
    },
    announce(ready) {
      if (closed) return
      tellReady(ready)
      outbox.announce(ready)
    },
    wakeUps: {
      subscribe(listener) {
        const own: ReadyListener = (ready) => listener(ready)
        readyListeners.add(own)
        read()
        return () => void readyListeners.delete(own)
      },
    },
    suspect: inbox.suspect,
    async close() {
      closed = true
      cancelUpkeep?.()
      await withDeadline(clock, FAREWELL_MS, farewell).catch(() => {})
    },
  }
}
