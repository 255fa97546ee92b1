import type { Clock, ReadyLane } from '@taskyard/core'
import type { Collection } from 'mongodb'
import { type FollowedChanges, followChanges } from './change-stream.ts'
import { withDeadline } from './connect.ts'
import { laneFrom, newsOf, type ReadNews, SIGNAL_CALL_MS, SILENT_MS, type SignalDocument } from './signal-document.ts'

export interface Inbox {
  /** Begins to read, until the stop. */
  start(): void
  /** News may have been missed: everybody is woken once the server can be read again. */
  suspect(): void
  /** Whether the server says at once when there is something to read. */
  isTold(): boolean
  /** Resolves when nothing is read any more. */
  stop(): Promise<void>
}

export interface InboxOptions {
  readonly collection: Collection<SignalDocument>
  readonly clock: Clock
  /** Its own document is none of its news. */
  readonly processId: string
  /** Whether the server may have change streams; where it refuses them all the same, polling does. */
  readonly changeStream: boolean
  /** The store's time, ms. */
  now(): number
  /** All lanes with ready tasks: who may have missed news is told of each. */
  readyLanes(): Promise<readonly ReadyLane[]>
  /** The server has answered a read. */
  onRead(): void
  onReady(lanes: readonly ReadyLane[]): void
  onMessages(processId: string, messages: readonly unknown[]): void
  /** Some of what others told was not there any more. */
  onMissed(): void
}

/** How often a process reads: where a change stream tells it when to, this is for what the stream may miss. */
const STREAM_POLL_MS = 1_000
const POLL_MS = 500

/** What the other processes tell: read twice a second, or where a change stream says when, then and every second. */
export function createInbox(options: InboxOptions): Inbox {
  const { collection, clock, processId } = options
  /** The last number heard, of each process whose document was there at the last read. */
  let heard: ReadonlyMap<string, number> = new Map()
  let mayHaveMissed = false
  let polling: Promise<void> | null = null
  let cancelPoll = () => {}
  let stream: FollowedChanges | null = null
  let stopped = false

  function poll(): Promise<void> {
    polling ??= read()
      .catch(suspect)
      .finally(() => {
        polling = null
        cancelPoll()
        if (!stopped) cancelPoll = clock.after(isTold() ? STREAM_POLL_MS : POLL_MS, () => void poll())
      })
    return polling
  }

  async function read(): Promise<void> {
    const hadMissed = mayHaveMissed
    mayHaveMissed = false
    const filter = { _id: { $ne: processId }, at: { $gt: options.now() - SILENT_MS } }
    const others = await withDeadline(clock, SIGNAL_CALL_MS, () => collection.find(filter).toArray())
    options.onRead()
    const missed = hear(others)
    if (hadMissed || missed) options.onMissed()
    if (hadMissed || missed) options.onReady(await withDeadline(clock, SIGNAL_CALL_MS, options.readyLanes))
  }

  /** @returns whether some of the news was missed */
  function hear(documents: readonly SignalDocument[]): boolean {
    const before = heard
    const processes = documents
      .filter(({ _id }) => typeof _id === 'string')
      .map((document) => ({ _id: document._id, news: newsOf(document) }))
    // Not backwards: a write that comes late may leave older news in a document for some time.
    const lastOf = (_id: string, news: readonly ReadNews[]) => Math.max(before.get(_id) ?? 0, news.at(-1)?.n ?? 0)
    heard = new Map(processes.map(({ _id, news }) => [_id, lastOf(_id, news)]))
    return processes.map(({ _id, news }) => tell(_id, news, before.get(_id) ?? null)).includes(true)
  }

  /** @param last the last number heard of this process, `null` of one that is new */
  function tell(_id: string, news: readonly ReadNews[], last: number | null): boolean {
    const fresh = news.filter(({ n }) => n > (last ?? 0))
    options.onReady(fresh.flatMap(({ lanes }) => (lanes ?? []).map(laneFrom)))
    options.onMessages(
      _id,
      fresh.flatMap(({ messages }) => messages),
    )
    const hasGap = last !== null && fresh[0] !== undefined && fresh[0].n > last + 1
    return hasGap || fresh.some(({ lanes }) => lanes === null)
  }

  function suspect(): void {
    mayHaveMissed = true
  }

  function isTold(): boolean {
    return stream?.isOpen() ?? false
  }

  return {
    start() {
      if (options.changeStream) {
        const followed = collection as unknown as Collection<never>
        stream = followChanges({
          collection: followed,
          clock,
          awaitMs: STREAM_POLL_MS,
          onChange: poll,
          onBroken: suspect,
        })
      }
      void poll()
    },
    suspect,
    isTold,
    async stop() {
      stopped = true
      cancelPoll()
      await Promise.all([stream?.stop(), polling])
    },
  }
}
