/** Where a ready task stands: higher priority comes first, then readiness (ms), then submission. A row that begins so is one. */
export type Place = readonly [seq: number, priority: number, readyAt: number, ...unknown[]]

/** Whether claims take the task there first. */
export function isBefore(one: Place, other: Place): boolean {
  if (one[1] !== other[1]) return one[1] > other[1]
  return one[2] === other[2] ? one[0] < other[0] : one[2] < other[2]
}

interface Entry<Item> {
  readonly item: Item
  readonly place: Place
}

/** A binary heap of items, each at one place: the first is at hand, and an item is moved in steps of the heap's height. */
export class PlaceHeap<Item> {
  readonly #entries: Entry<Item>[] = []
  readonly #at = new Map<Item, number>()

  get size(): number {
    return this.#entries.length
  }

  first(): Entry<Item> | undefined {
    return this.#entries[0]
  }

  placeOf(item: Item): Place | undefined {
    const at = this.#at.get(item)
    return at === undefined ? undefined : this.#entries[at]?.place
  }

  /** Puts an item in, or moves it. */
  set(item: Item, place: Place): void {
    this.#settle({ item, place }, this.#at.get(item) ?? this.#entries.length)
  }

  delete(item: Item): void {
    const at = this.#at.get(item)
    if (at === undefined) return
    this.#at.delete(item)
    const last = this.#entries.pop()
    if (last !== undefined && at < this.#entries.length) this.#settle(last, at)
  }

  /** An entry that may lie at `at`, but for the order of the heap: up or down it goes. */
  #settle(entry: Entry<Item>, at: number): void {
    const top = this.#rise(entry, at)
    this.#put(entry, top === at ? this.#sink(entry, at) : top)
  }

  #rise({ place }: Entry<Item>, from: number): number {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1
      const parent = this.#entries[above] as Entry<Item>
      if (!isBefore(place, parent.place)) return at
      this.#put(parent, at)
      at = above
    }
    return 0
  }

  #sink({ place }: Entry<Item>, from: number): number {
    for (let at = from; ; ) {
      const below = this.#firstBelow(at)
      const child = this.#entries[below]
      if (child === undefined || !isBefore(child.place, place)) return at
      this.#put(child, at)
      at = below
    }
  }

  #firstBelow(at: number): number {
    const left = this.#entries[2 * at + 1]
    const right = this.#entries[2 * at + 2]
    const isRight = left !== undefined && right !== undefined && isBefore(right.place, left.place)
    return 2 * at + (isRight ? 2 : 1)
  }

  #put(entry: Entry<Item>, at: number): void {
    this.#entries[at] = entry
    this.#at.set(entry.item, at)
  }
}
