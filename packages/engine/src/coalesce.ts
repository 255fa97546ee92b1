import type { Clock } from '@taskyard/core'

export interface CoalesceOptions<Item, Result> {
  readonly clock: Clock
  /** Runs one batch; answers in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly maxItems: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/** With this many waiting, a second batch goes out beside the first. */
const CROWD = 32
/** One does, too, beside a batch of so few that takes so long: light traffic does not wait for a call that is held up. */
const FEW = 4
const LONG_MS = 3

/**
 * Group commit: calls that arrive while a batch is being stored are the next batch. A lone call goes out at the end of
 * the current turn of the event loop, without waiting for company.
 *
 * A crowd goes out in the middle of a turn, and beside a batch under way: were it to wait for either, all callers would
 * end up in step, with the store idle while they are answered and everybody idle while it commits.
 */
export function coalesce<Item, Result>({ clock, run, maxItems }: CoalesceOptions<Item, Result>) {
  let waiting: Waiting<Item, Result>[] = []
  let running = 0
  let longAt = 0
  let isPlanned = false

  const isCrowded = () => waiting.length >= CROWD && running < 2
  const mayGo = () => running === 0 || (running === 1 && clock.now() >= longAt)

  function runWaiting(): void {
    isPlanned = false
    while (isCrowded() || (waiting.length > 0 && mayGo())) {
      const batch = waiting.length > maxItems ? waiting.splice(0, maxItems) : waiting
      if (batch === waiting) waiting = []
      void runBatch(batch)
    }
  }

  // The next batch is on its way before this one's callers hear of theirs, so that it is stored while they are answered.
  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    running += 1
    longAt = batch.length > FEW ? Number.POSITIVE_INFINITY : clock.now() + LONG_MS
    const [outcome] = await Promise.allSettled([run(batch.map(({ item }) => item))])
    running -= 1
    runWaiting()
    for (const [i, { resolve, reject }] of batch.entries()) {
      if (outcome.status === 'fulfilled') resolve(outcome.value[i] as Result)
      else reject(outcome.reason)
    }
  }

  return (item: Item): Promise<Result> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (isCrowded()) return runWaiting()
      if (isPlanned || !mayGo()) return
      isPlanned = true
      setImmediate(runWaiting)
    })
}
