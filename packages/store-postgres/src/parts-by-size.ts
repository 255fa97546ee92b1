/** Cuts a list into parts that weigh `most` at most; an item that weighs more is a part of its own. */
export function partsBySize<Item>(items: readonly Item[], sizeOf: (item: Item) => number, most: number): Item[][] {
  const parts: Item[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const item of items) {
    const own = sizeOf(item)
    if (size + own > most) {
      parts.push([])
      size = 0
    }
    parts.at(-1)?.push(item)
    size += own
  }
  return parts
}

/** Of texts in one statement, in characters: more would take it longer than an answer is waited for. */
export const STATEMENT_SIZE = 8 * 1024 * 1024
