import type { CancelRequested, NewsItem, ReadyLane } from '@taskyard/core'

/**
 * What a process has told lately; one document per process, so that processes never write the same one. `news` is numbered
 * without gaps: a reader that missed some knows it.
 */
export interface SignalDocument {
  readonly _id: string
  /** The store's time at which it was written, ms. */
  readonly at: number
  readonly news: readonly News[]
}

export interface News {
  readonly n: number
  /** `namespace/queue/type`; `null`: too many to name. */
  readonly lanes: readonly string[] | null
  readonly messages: readonly (NewsItem | CancelRequested)[]
}

/** The same as it was read: what the messages are is for the reader to say. */
export interface ReadNews extends Omit<News, 'messages'> {
  readonly messages: readonly unknown[]
}

/** A process that has not written for so long is not read any more, and its document goes. Milliseconds. */
export const SILENT_MS = 120_000
/** A read or write is given up then, and done again. */
export const SIGNAL_CALL_MS = 3_000

/** As signals name a lane; names hold no `/`. */
export function laneName({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}/${queue}/${type}`
}

/**
 * The news of a document. Whoever may write to the database can have put it there, also a server of a version to come:
 * what is not understood is left out, and lanes that are not named are any.
 */
export function newsOf({ news }: { readonly news?: unknown }): readonly ReadNews[] {
  return listOf(news)
    .filter((item) => typeof item === 'object' && item !== null)
    .map((item) => item as Readonly<Record<keyof News, unknown>>)
    .filter(({ n }) => Number.isSafeInteger(n))
    .map(({ n, lanes, messages }) => ({
      n: n as number,
      lanes: Array.isArray(lanes) ? lanes.filter(isLaneName) : null,
      messages: listOf(messages),
    }))
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isLaneName(value: unknown): value is string {
  return typeof value === 'string' && /^[^/]+\/[^/]+\/[^/]+$/.test(value)
}

/** Back from `laneName`. */
export function laneFrom(name: string): ReadyLane {
  const [namespace = '', queue = '', type = ''] = name.split('/')
  return { namespace, queue, type }
}
