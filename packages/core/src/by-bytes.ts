/** The first items that together have at most so many bytes; one that has more is alone. */
export function withinBytes<Item>(
  items: readonly Item[],
  most: number,
  bytesOf: (item: Item) => number,
): readonly Item[] {
  let bytes = 0
  const end = items.findIndex((item) => {
    bytes += bytesOf(item)
    return bytes > most
  })
  return end === -1 ? items : items.slice(0, Math.max(1, end))
}

/** The first items up to the one that brings their bytes to `enough`; all, when they have fewer. */
export function untilBytes<Item>(
  items: readonly Item[],
  enough: number,
  bytesOf: (item: Item) => number,
): readonly Item[] {
  let bytes = 0
  const last = items.findIndex((item) => {
    bytes += bytesOf(item)
    return bytes >= enough
  })
  return last === -1 ? items : items.slice(0, last + 1)
}
