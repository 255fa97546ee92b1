import type { Clock, ReadyLane } from '@taskyard/core'
import type { Collection } from 'mongodb'
import { withDeadline } from './connect.ts'
import { createPendingNews, type Message, newestNews } from './pending-news.ts'
import { type News, SIGNAL_CALL_MS, type SignalDocument } from './signal-document.ts'

export interface Outbox {
  publishReady(lanes: readonly ReadyLane[]): void
  publishNews(messages: readonly Message[]): void
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

/** What this process tells the others: its document is written when there is news, one write at a time. */
export function createOutbox(options: OutboxOptions): Outbox {
  return new SignalOutbox(options)
}

class SignalOutbox implements Outbox {
  readonly #options: OutboxOptions
  readonly #pending = createPendingNews()
  #news: readonly News[] = []
  #lastNumber = 0
  /** The document must be written, also without anything new. */
  #isDue = false
  #hasFailed = false
  #writing: Promise<void> | null = null
  #cancelPause: (() => void) | null = null
  #closed = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  publishReady(lanes: readonly ReadyLane[]): void {
    this.#pending.addLanes(lanes)
    this.#proceed()
  }

  publishNews(messages: readonly Message[]): void {
    this.#pending.addMessages(messages)
    this.#proceed()
  }

  refresh(): void {
    this.#isDue = true
    this.#proceed()
  }

  retry(): void {
    if (this.#hasFailed) this.refresh()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelPause?.()
    // A write under way would leave the document again.
    await this.#writing
    const { collection, processId } = this.#options
    await collection.deleteMany({ _id: processId })
  }

  /** Called whenever there may be something to write, a write has ended, or a pause is over. */
  #proceed(): void {
    if (this.#closed || this.#writing !== null || this.#cancelPause !== null) return
    this.#takeNews()
    if (this.#isDue) this.#write()
  }

  #takeNews(): void {
    const taken = this.#pending.take()
    if (taken === null) return
    this.#lastNumber += 1
    this.#news = newestNews([...this.#news, { n: this.#lastNumber, ...taken }])
    this.#isDue = true
  }

  #write(): void {
    const { collection, clock, processId, pauseMs, now } = this.#options
    this.#isDue = false
    this.#cancelPause = clock.after(pauseMs(), () => {
      this.#cancelPause = null
      this.#proceed()
    })
    const $set = { at: now(), news: this.#news }
    const save = () => collection.updateOne({ _id: processId }, { $set }, { upsert: true })
    this.#writing = withDeadline(clock, SIGNAL_CALL_MS, save).then(
      () => this.#onWritten(false),
      () => this.#onWritten(true),
    )
  }

  #onWritten(hasFailed: boolean): void {
    this.#hasFailed = hasFailed
    this.#writing = null
    this.#proceed()
  }
}
