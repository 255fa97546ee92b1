import type { CancelRequested, NewsItem } from '@taskyard/core'
import { partsBySize } from './parts-by-size.ts'

/** What one process tells the others at a time. */
export interface News {
  /** Which process tells it; empty for one that wants to hear of it too. */
  readonly from: string
  /** Lanes that have got ready tasks. */
  readonly lanes: readonly number[]
  readonly messages: readonly (NewsItem | CancelRequested)[]
}

/** The same as it was read: what the messages are is for the reader to say. */
export interface ReadNews extends Omit<News, 'messages'> {
  readonly messages: readonly unknown[]
}

/** Less than the 8000 bytes that the payload of a notification may have, with room for what is around the items. */
const ITEMS_BYTES = 7400

/** The payloads that tell it, as many as it takes. */
export function writeNotifications({ from, lanes, messages }: News): string[] {
  const items = [...lanes.map((lane) => ({ lane })), ...messages.map((message) => ({ message }))]
  return partsBySize(items, bytesOf, ITEMS_BYTES).map((part) =>
    JSON.stringify({
      from,
      lanes: part.flatMap((item) => ('lane' in item ? item.lane : [])),
      messages: part.flatMap((item) => ('message' in item ? item.message : [])),
    } satisfies News),
  )
}

function bytesOf(item: { readonly lane: number } | { readonly message: News['messages'][number] }): number {
  return Buffer.byteLength(JSON.stringify('lane' in item ? item.lane : item.message)) + 1
}

/**
 * Reads a payload. Everybody who may connect to the database can notify, also servers of versions to come: whatever is not
 * understood is left out, and `null` is something else altogether.
 */
export function readNotification(payload: string): ReadNews | null {
  const news = parsed(payload)
  if (!isRecord(news) || typeof news['from'] !== 'string') return null
  return {
    from: news['from'],
    lanes: listOf(news['lanes']).filter((lane) => typeof lane === 'number' && Number.isSafeInteger(lane)) as number[],
    messages: listOf(news['messages']),
  }
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return null
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
