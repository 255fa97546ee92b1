import type { NewsMessage, NewsPort, ReadyLane, ReadyListener } from '@taskyard/core'
import { withDeadline } from './connect.ts'
import { createInbox, type InboxOptions } from './inbox.ts'
import { createOutbox } from './outbox.ts'
import { SILENT_MS } from './signal-document.ts'

export interface Signals {
  readonly bus: NewsPort
  announce(lanes: readonly ReadyLane[]): void
  onReady(listener: ReadyListener): () => void
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
  const busListeners = new Set<(message: NewsMessage) => void>()
  const inbox = createInbox({ ...options, onRead: keepUp, onReady: tellReady, onMessage: tellBus })
  const outbox = createOutbox({ ...options, pauseMs: () => (inbox.isTold() ? STREAM_PAUSE_MS : POLL_PAUSE_MS) })
  let isReading = false
  let cancelUpkeep: (() => void) | null = null
  let closed = false

  function tellReady(ready: readonly ReadyLane[]): void {
    if (ready.length > 0) for (const listener of readyListeners) listener(ready)
  }

  function tellBus(message: NewsMessage): void {
    for (const listener of busListeners) listener(message)
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
    bus: {
      publish(message) {
        if (closed) return
        tellBus(message)
        outbox.publish(message)
      },
      subscribe(listener) {
        const own = (message: NewsMessage) => listener(message)
        busListeners.add(own)
        read()
        return () => void busListeners.delete(own)
      },
    },
    announce(ready) {
      if (closed) return
      tellReady(ready)
      outbox.announce(ready)
    },
    onReady(listener) {
      const own: ReadyListener = (ready) => listener(ready)
      readyListeners.add(own)
      read()
      return () => void readyListeners.delete(own)
    },
    suspect: inbox.suspect,
    async close() {
      closed = true
      cancelUpkeep?.()
      await withDeadline(clock, FAREWELL_MS, farewell).catch(() => {})
    },
  }
}
