import type { Clock, ReadyLane } from '@taskyard/core'
import type { Collection } from 'mongodb'
import { type FollowedChanges, followChanges } from './change-stream.ts'
import { withDeadline } from './connect.ts'
import { createNewsReader, type NewsHandlers } from './news-reader.ts'
import { SIGNAL_CALL_MS, SILENT_MS, type SignalDocument } from './signal-document.ts'

export interface Inbox {
  /** Begins to read, until the stop. */
  start(): void
  /** News may have been missed: everybody is woken once the server can be read again. */
  assumeMissed(): void
  /** Whether the server says at once when there is something to read. */
  isTold(): boolean
  /** Resolves when nothing is read any more. */
  stop(): Promise<void>
}

export interface InboxOptions extends NewsHandlers {
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
  /** Some of what others told was not there any more. */
  onMissed(): void
}

/** How often a process reads: where a change stream tells it when to, this is for what the stream may miss. */
const STREAM_POLL_MS = 1_000
const POLL_MS = 500

/** What the other processes tell: read twice a second, or where a change stream says when, then and every second. */
export function createInbox(options: InboxOptions): Inbox {
  const { collection, clock, processId } = options
  const hear = createNewsReader(options)
  let mayHaveMissed = false
  let polling: Promise<void> | null = null
  let cancelPoll = () => {}
  let stream: FollowedChanges | null = null
  let stopped = false

  function poll(): Promise<void> {
    polling ??= read()
      .catch(assumeMissed)
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

  function assumeMissed(): void {
    mayHaveMissed = true
  }

  function isTold(): boolean {
    return stream?.isOpen() ?? false
  }

  return {
    start() {
      if (options.changeStream) stream = followSignals(options, poll, assumeMissed)
      void poll()
    },
    assumeMissed,
    isTold,
    async stop() {
      stopped = true
      cancelPoll()
      await Promise.all([stream?.stop(), polling])
    },
  }
}

function followSignals(
  { collection, clock }: InboxOptions,
  onChange: () => Promise<void>,
  onBroken: () => void,
): FollowedChanges {
  const followed = collection as unknown as Collection<never>
  return followChanges({ collection: followed, clock, awaitMs: STREAM_POLL_MS, onChange, onBroken })
}
