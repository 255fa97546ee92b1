import type { CancelRequested, Clock, NewsItem, ReadyLane, TaskNews } from '@taskyard/core'
import type { Collection } from 'mongodb'
import { withDeadline } from './connect.ts'
import { laneName, type News, SIGNAL_CALL_MS, type SignalDocument } from './signal-document.ts'

export interface Outbox {
  announce(lanes: readonly ReadyLane[]): void
  tell(messages: readonly (NewsItem | CancelRequested)[]): void
  /** Writes the document again, with or without news. */
  refresh(): void
  /** Writes it again if that failed last. For when the server answers: news that comes meanwhile takes along what was not written. */
  retry(): void
  /** Resolves when this process writes no more and has no document. */
  close(): Promise<void>
}

export interface OutboxOptions {
  readonly collection: Collection<SignalDocument>
  readonly clock: Clock
  readonly processId: string
  /** The store's time, ms. */
  now(): number
  /** Between the beginnings of two writes; the first goes out at once. */
  pauseMs(): number
}

/** What one write, and what all that a document keeps, may carry. */
const MOST_LANES = 500
export const MOST_CHANGES = 300
const MOST_OTHERS = 5_000
const NEWS_KEPT = 50

/** What this process tells the others: its document is written when there is news, one write at a time. */
export function createOutbox(options: OutboxOptions): Outbox {
  const { collection, clock, processId } = options
  let lanes = new Set<string>()
  let changes: NewsItem[] = []
  let others: (NewsItem | CancelRequested)[] = []
  let news: readonly News[] = []
  let isTooMuch = false
  let lastNumber = 0
  /** The document must be written, also without anything new. */
  let isDue = false
  let hasFailed = false
  let writing: Promise<void> | null = null
  let cancelPause: (() => void) | null = null
  let closed = false

  /** Called whenever there may be something to write, a write has ended, or a pause is over. */
  function proceed(): void {
    if (closed || writing !== null || cancelPause !== null) return
    if (lanes.size + changes.length + others.length > 0) takeNews()
    if (isDue) write()
  }

  function takeNews(): void {
    const item = {
      n: ++lastNumber,
      lanes: lanes.size > MOST_LANES ? null : [...lanes],
      messages: [...others, ...changes, ...(isTooMuch ? [MISSED] : [])],
    }
    lanes = new Set()
    changes = []
    others = []
    isTooMuch = false
    news = bounded([...news, item].slice(-NEWS_KEPT))
    isDue = true
  }

  function write(): void {
    isDue = false
    cancelPause = clock.after(options.pauseMs(), () => {
      cancelPause = null
      proceed()
    })
    const $set = { at: options.now(), news }
    const save = () => collection.updateOne({ _id: processId }, { $set }, { upsert: true })
    const onEnd = (failed: boolean) => {
      hasFailed = failed
      writing = null
      proceed()
    }
    writing = withDeadline(clock, SIGNAL_CALL_MS, save).then(
      () => onEnd(false),
      () => onEnd(true),
    )
  }

  function refresh(): void {
    isDue = true
    proceed()
  }

  return {
    announce(ready) {
      for (const lane of ready) lanes.add(laneName(lane))
      proceed()
    },
    tell(messages) {
      for (const message of messages) {
        if (!isChange(message)) others.push(message)
        else if (changes.length < MOST_CHANGES) changes.push(message)
        else isTooMuch = true
      }
      proceed()
    },
    refresh,
    retry() {
      if (hasFailed) refresh()
    },
    async close() {
      closed = true
      cancelPause?.()
      // A write under way would leave the document again.
      await writing
      await collection.deleteMany({ _id: processId })
    },
  }
}

const MISSED = { kind: 'missed' } as const

function isChange(message: NewsItem | CancelRequested): message is TaskNews {
  return message.kind === 'changed' || message.kind === 'recorded'
}

/** Older changes go first: they only save their readers a look. Requests to cancel stay until they have been read. */
function bounded(news: readonly News[]): readonly News[] {
  const count = (items: readonly News[]) => items.reduce((sum, { messages }) => sum + messages.length, 0)
  if (count(news) <= MOST_CHANGES) return news
  const last = news.length - 1
  let kept = news.map((item, i) => (i === last ? item : withoutChanges(item)))
  while (kept.length > 1 && count(kept) > MOST_CHANGES + MOST_OTHERS) kept = kept.slice(1)
  return kept
}

function withoutChanges(news: News): News {
  const others = news.messages.filter((message) => !isChange(message))
  if (others.length === news.messages.length) return news
  return { ...news, messages: others.some(({ kind }) => kind === 'missed') ? others : [...others, MISSED] }
}
