export interface CoalesceOptions<Item, Result> {
  /** Runs one batch; answers in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly maxItems: number
  /** Batches under way at once: one is being committed while the next is prepared. */
  readonly maxRunning: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Group commit: calls that arrive while earlier ones are being stored are stored together. A lone call goes out at the
 * end of the current turn of the event loop, without waiting for company.
 */
export function coalesce<Item, Result>({ run, maxItems, maxRunning }: CoalesceOptions<Item, Result>) {
  let waiting: Waiting<Item, Result>[] = []
  let running = 0
  let flushPlanned = false

  function flush(): void {
    flushPlanned = false
    while (waiting.length > 0 && running < maxRunning) {
      const batch = waiting.length > maxItems ? waiting.splice(0, maxItems) : waiting
      if (batch === waiting) waiting = []
      void runBatch(batch)
    }
  }

  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    running += 1
    try {
      const results = await run(batch.map(({ item }) => item))
      for (let i = 0; i < batch.length; i++) batch[i]?.resolve(results[i] as Result)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      running -= 1
      flush()
    }
  }

  return (item: Item): Promise<Result> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (flushPlanned || running >= maxRunning) return
      flushPlanned = true
      setImmediate(flush)
    })
}
