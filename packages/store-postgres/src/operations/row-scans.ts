/** Blocks of a table that are looked through at a time: 16 MiB. */
const BLOCKS_PER_LOOK = 2048
const BLOCK_BYTES = 8192
/** A table that takes less is looked through by every sweep. */
const ALWAYS_BYTES = 1024 * 1024
/** Looking through a larger one takes this share of the time at most. */
const SHARE = 0.05
const LONGEST_PAUSE_MS = 60_000

/** How far tables have been looked through for what is over, so that a sweep's work does not grow with them. */
export interface RowScans {
  /** The next part to be looked through; `null` when it is too early. */
  begin(table: string, bytes: number): Scan | null
}

export interface Scan {
  readonly fromBlock: number
  /** Exclusive. */
  readonly toBlock: number
  /** @param isThrough nothing is left in this part */
  end(isThrough: boolean): void
}

interface Place {
  readonly block: number
  /** Of this round. */
  readonly tookMs: number
  readonly notBefore: number
}

/** Of slots that are gone, too: then all begin anew. */
const MOST_PLACES = 1000

/** @param nowMs a monotonic clock, ms */
export function createRowScans(nowMs: () => number): RowScans {
  const places = new Map<string, Place>()

  function note(table: string, place: Place): void {
    if (places.size >= MOST_PLACES) places.clear()
    places.set(table, place)
  }

  return {
    begin(table, bytes) {
      const place = places.get(table) ?? { block: 0, tookMs: 0, notBefore: Number.NEGATIVE_INFINITY }
      const startedAt = nowMs()
      if (startedAt < place.notBefore) return null
      const toBlock = place.block + BLOCKS_PER_LOOK
      return {
        fromBlock: place.block,
        toBlock,
        end(isThrough) {
          if (bytes < ALWAYS_BYTES) return
          // What is removed is worth its time: only looking is to be spared.
          if (!isThrough) return note(table, place)
          const tookMs = place.tookMs + nowMs() - startedAt
          if (toBlock * BLOCK_BYTES < bytes) note(table, { block: toBlock, tookMs, notBefore: place.notBefore })
          else note(table, { block: 0, tookMs: 0, notBefore: nowMs() + Math.min(tookMs / SHARE, LONGEST_PAUSE_MS) })
        },
      }
    },
  }
}
