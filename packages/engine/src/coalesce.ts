export interface CoalesceOptions<Item, Result> {
  /** Runs one batch; answers in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly maxItems: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Group commit: calls that arrive while a batch is being stored are the next batch. A lone call goes out at the end of
 * the current turn of the event loop, without waiting for company.
 */
export function coalesce<Item, Result>({ run, maxItems }: CoalesceOptions<Item, Result>) {
  let waiting: Waiting<Item, Result>[] = []
  let isRunning = false
  let isPlanned = false

  // One batch at a time: with two, batches are half the size, and each costs a commit and two messages.
  async function runWaiting(): Promise<void> {
    isPlanned = false
    isRunning = true
    while (waiting.length > 0) {
      const batch = waiting.length > maxItems ? waiting.splice(0, maxItems) : waiting
      if (batch === waiting) waiting = []
      await runBatch(batch)
    }
    isRunning = false
  }

  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item))
      for (let i = 0; i < batch.length; i++) batch[i]?.resolve(results[i] as Result)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (item: Item): Promise<Result> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (isPlanned || isRunning) return
      isPlanned = true
      setImmediate(runWaiting)
    })
}
