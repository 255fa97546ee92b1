import type { BusMessage, Clock, EventBus, ReadyLane, ReadyListener } from '@taskyard/core'
import type { Collection } from 'mongodb'
import { type FollowedChanges, followChanges } from './change-stream.ts'
import { withDeadline } from './connect.ts'

/**
 * What a process has told lately; one document per process, so that processes never write the same one. `news` is numbered
 * without gaps: a reader that missed some knows it.
 */
export interface SignalDocument {
  readonly _id: string
  readonly at: number
  readonly news: readonly News[]
}

interface News {
  readonly n: number
  /** `namespace/queue/type`; `null`: too many to name. */
  readonly lanes: readonly string[] | null
  readonly messages: readonly BusMessage[]
}

export interface Signals {
  readonly bus: EventBus
  announce(lanes: readonly ReadyLane[]): void
  onReady(listener: ReadyListener): () => void
  /** There was trouble with the server: news may have been missed, and everybody is woken once it can be read again. */
  suspect(): void
  close(): Promise<void>
}

export interface SignalsOptions {
  readonly collection: Collection<SignalDocument>
  readonly clock: Clock
  readonly processId: string
  /** Whether the server may have change streams; where it refuses them all the same, polling does. */
  readonly changeStream: boolean
  /** The store's time, ms. */
  now(): number
  /** All lanes with ready tasks: who may have missed news is told of each. */
  readyLanes(): Promise<readonly ReadyLane[]>
}

/** How often a process reads: where a change stream tells it when to, this is for what the stream may miss. */
const STREAM_POLL_MS = 1_000
const POLL_MS = 500
/** Between two writes of a process; the first goes out at once. Readers that poll would not see more. */
const STREAM_PAUSE_MS = 20
const POLL_PAUSE_MS = 200
/** A process that has not written for so long is not read any more, and its document goes. */
const SILENT_MS = 120_000
const REFRESH_MS = 30_000
/** A read or write is given up then, and done again. */
const CALL_MS = 3_000
/** The last word may take so long. */
const FAREWELL_MS = 1_000
/** What one write, and what all that a document keeps, may carry. */
const MOST_LANES = 500
const MOST_CHANGES = 300
const MOST_REQUESTS = 5_000
const NEWS_KEPT = 50

/**
 * News between processes through a small collection: read twice a second, or where a change stream says when there is
 * something to read, then and every second. Best effort: what is lost costs time, never a task.
 */
export function createSignals(options: SignalsOptions): Signals {
  const { collection, clock, processId, changeStream } = options
  const readyListeners = new Set<ReadyListener>()
  const busListeners = new Set<(message: BusMessage) => void>()
  const seen = new Map<string, number>()
  let lanes = new Map<string, ReadyLane>()
  let changes: BusMessage[] = []
  let requests: BusMessage[] = []
  let news: readonly News[] = []
  let lastNumber = 0
  let lastWriteAt = Number.NEGATIVE_INFINITY
  let writing: Promise<void> | null = null
  let cancelWrite: (() => void) | null = null
  let cancelPoll = () => {}
  let polling: Promise<void> | null = null
  let isReading = false
  let isBroken = false
  let stream: FollowedChanges | null = null
  let closed = false

  function plan(): void {
    if (closed || writing !== null || cancelWrite !== null || lanes.size + changes.length + requests.length === 0)
      return
    const pause = stream?.isOpen() ? STREAM_PAUSE_MS : POLL_PAUSE_MS
    const wait = lastWriteAt + pause - clock.now()
    if (wait <= 0) {
      void write()
      return
    }
    cancelWrite = clock.after(wait, () => {
      cancelWrite = null
      void write()
    })
  }

  async function write(): Promise<void> {
    const item = {
      n: ++lastNumber,
      lanes: lanes.size > MOST_LANES ? null : [...lanes.keys()],
      messages: [...requests, ...changes],
    }
    lanes = new Map()
    changes = []
    requests = []
    news = bounded([...news, item].slice(-NEWS_KEPT))
    await save()
    plan()
  }

  function save(): Promise<void> {
    lastWriteAt = clock.now()
    const $set = { at: options.now(), news }
    const write = () => collection.updateOne({ _id: processId }, { $set }, { upsert: true })
    // What was not written, the next write carries again.
    const ended = () => {
      writing = null
    }
    writing = withDeadline(clock, CALL_MS, write).then(ended, ended)
    return writing
  }

  /** Keeps this process among the living, and takes away those that are not. */
  async function refresh(since: number): Promise<void> {
    await (writing ?? save())
    await collection.deleteMany({ at: { $lte: since } })
  }

  function read(): void {
    if (isReading) return
    isReading = true
    if (changeStream) stream = follow()
    void poll()
  }

  function planPoll(): void {
    cancelPoll()
    if (!closed) cancelPoll = clock.after(stream?.isOpen() ? STREAM_POLL_MS : POLL_MS, () => void poll())
  }

  function poll(): Promise<void> {
    polling ??= withDeadline(clock, CALL_MS, readNews)
      .catch(() => {
        isBroken = true
      })
      .finally(() => {
        polling = null
        planPoll()
      })
    return polling
  }

  async function readNews(): Promise<void> {
    const wasBroken = isBroken
    isBroken = false
    const since = options.now() - SILENT_MS
    const others = await collection.find({ _id: { $ne: processId }, at: { $gt: since } }).toArray()
    if (clock.now() - lastWriteAt > REFRESH_MS) await refresh(since)
    const hasMissed = others.map(hear)
    if (wasBroken || hasMissed.includes(true)) tellReady(await options.readyLanes())
  }

  /** @returns whether some of the news was missed */
  function hear({ _id, news: told }: SignalDocument): boolean {
    const last = seen.get(_id)
    const fresh = told.filter(({ n }) => n > (last ?? 0))
    seen.set(_id, told.at(-1)?.n ?? last ?? 0)
    tellReady(fresh.flatMap((item) => (item.lanes ?? []).map(laneFrom)))
    for (const message of fresh.flatMap((item) => item.messages)) tellBus(message)
    const hasGap = last !== undefined && fresh[0] !== undefined && fresh[0].n > last + 1
    return hasGap || fresh.some((item) => item.lanes === null)
  }

  function tellReady(ready: readonly ReadyLane[]): void {
    if (ready.length > 0) for (const listener of readyListeners) listener(ready)
  }

  function tellBus(message: BusMessage): void {
    for (const listener of busListeners) listener(message)
  }

  function follow(): FollowedChanges {
    return followChanges({
      collection: collection as unknown as Collection<never>,
      clock,
      awaitMs: STREAM_POLL_MS,
      onChange: poll,
      onBroken() {
        isBroken = true
      },
    })
  }

  async function farewell(): Promise<void> {
    // A write under way would leave the document again.
    await Promise.all([polling, writing])
    await collection.deleteMany({ _id: processId }).catch(() => {})
  }

  return {
    bus: {
      publish(message) {
        if (closed) return
        tellBus(message)
        if (message.kind === 'changed' && changes.length < MOST_CHANGES) changes.push(message)
        if (message.kind === 'cancel-requested' && requests.length < MOST_REQUESTS) requests.push(message)
        plan()
      },
      subscribe(listener) {
        const own = (message: BusMessage) => listener(message)
        busListeners.add(own)
        read()
        return () => void busListeners.delete(own)
      },
    },
    announce(ready) {
      if (closed) return
      tellReady(ready)
      for (const lane of ready) lanes.set(laneName(lane), lane)
      plan()
    },
    onReady(listener) {
      const own: ReadyListener = (ready) => listener(ready)
      readyListeners.add(own)
      read()
      return () => void readyListeners.delete(own)
    },
    suspect() {
      isBroken = true
    },
    async close() {
      closed = true
      cancelPoll()
      cancelWrite?.()
      await stream?.stop()
      await Promise.race([farewell(), new Promise<void>((resolve) => void clock.after(FAREWELL_MS, resolve))])
    },
  }
}

/** Older changes go first: they only save their readers a look. Requests to cancel stay until they have been read. */
function bounded(news: readonly News[]): readonly News[] {
  const count = (items: readonly News[]) => items.reduce((sum, { messages }) => sum + messages.length, 0)
  if (count(news) <= MOST_CHANGES) return news
  const isRequest = ({ kind }: BusMessage) => kind === 'cancel-requested'
  const last = news.length - 1
  let kept = news.map((item, i) => (i === last ? item : { ...item, messages: item.messages.filter(isRequest) }))
  while (kept.length > 1 && count(kept) > MOST_CHANGES + MOST_REQUESTS) kept = kept.slice(1)
  return kept
}

function laneName({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}/${queue}/${type}`
}

function laneFrom(name: string): ReadyLane {
  const [namespace = '', queue = '', type = ''] = name.split('/')
  return { namespace, queue, type }
}
