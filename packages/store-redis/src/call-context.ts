import type { RunScript } from './connection.ts'

/** What every operation of the store works with. */
export interface CallContext {
  readonly run: RunScript
  /** The store's time for the call, '' for the server's own. */
  now(): string
  /** Tells who waits that tasks of these lanes have become ready; '' for none. */
  publishReady(lanes: string, isPublished?: boolean, hinted?: string): void
  /** Tells who waits in this process that tasks of these lanes are on their way; '' for none. */
  hintReady(lanes: string): void
  /** What a script shall sign its own news of ready tasks with; '' when it shall send none. */
  signature(): string
}

/** Parts of a list, each of at most `size`: a script holds up all other calls while it runs. */
export function inParts<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  if (items.length <= size) return items.length === 0 ? [] : [items]
  const parts: Item[][] = []
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size))
  return parts
}

/** A part ends with the item that brings its texts to this. */
const PART_LENGTH = 4 * 1024 * 1024

/** The same where items carry texts: a part is bounded in their length, too. */
export function inTextParts<Item>(
  items: readonly Item[],
  size: number,
  lengthOf: (item: Item) => number,
): readonly (readonly Item[])[] {
  const parts: Item[][] = []
  let length = PART_LENGTH
  for (const item of items) {
    const last = parts.at(-1)
    if (last === undefined || last.length === size || length >= PART_LENGTH) {
      parts.push([item])
      length = 0
    } else {
      last.push(item)
    }
    length += lengthOf(item)
  }
  return parts
}
