import type { Clock } from '@taskyard/core'
import { isUnexpected } from './unexpected.ts'

export interface CoalesceOptions<Item, Result> {
  readonly clock: Clock
  /** Runs one batch; answers in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly maxItems: number
  /** What an item weighs, and what a batch may; one item may weigh more. */
  readonly weightOf: (item: Item) => number
  readonly maxWeight: number
}

interface Waiting<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

class Failure {
  readonly reason: unknown

  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** With this many waiting, a second batch goes out beside the first. */
const MIN_FOR_SECOND_BATCH = 32
/** One does, too, beside a batch of so few that takes so long: light traffic does not wait for a call that is held up. */
const SMALL_BATCH = 4
const SLOW_BATCH_MS = 3
/** Members of a batch that failed unexpectedly run alone, so many at a time. */
const SINGLES_AT_A_TIME = 4

/**
 * Group commit: calls that arrive while a batch is being stored are the next batch. A lone call goes out at the end of
 * the current turn of the event loop, without waiting for company.
 *
 * A crowd goes out in the middle of a turn, and beside a batch under way: were it to wait for either, all callers would
 * end up in step, with the store idle while they are answered and everybody idle while it commits.
 *
 * A batch that fails in a way that nobody foresaw may fail for one of its items, which its callers do not share: each
 * item runs again alone. So `run` must be safe to repeat.
 */
export function coalesce<Item, Result>(options: CoalesceOptions<Item, Result>) {
  const { clock, run } = options
  let waiting: Waiting<Item, Result>[] = []
  let running = 0
  let slowAt = 0
  let isScheduled = false

  const canFillSecondBatch = () => waiting.length >= MIN_FOR_SECOND_BATCH && running < 2
  const isSlow = () => slowAt !== Number.POSITIVE_INFINITY && clock.now() >= slowAt
  const maySend = () => running === 0 || (running === 1 && isSlow())

  function sendWaiting(): void {
    isScheduled = false
    while (canFillSecondBatch() || (waiting.length > 0 && maySend())) void runBatch(takeBatch())
  }

  function takeBatch(): readonly Waiting<Item, Result>[] {
    const count = countOfBatch(waiting, options)
    const batch = count < waiting.length ? waiting.splice(0, count) : waiting
    if (batch === waiting) waiting = []
    return batch
  }

  // The next batch is on its way before this one's callers hear of theirs, so that it is stored while they are answered.
  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    running += 1
    slowAt = batch.length > SMALL_BATCH ? Number.POSITIVE_INFINITY : clock.now() + SLOW_BATCH_MS
    const answers = await answersOf(
      run,
      batch.map(({ item }) => item),
    )
    running -= 1
    sendWaiting()
    for (const [i, { resolve, reject }] of batch.entries()) {
      const answer = answers[i] as Result | Failure
      if (answer instanceof Failure) reject(answer.reason)
      else resolve(answer)
    }
  }

  return (item: Item): Promise<Result> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (canFillSecondBatch()) return sendWaiting()
      if (isScheduled || !maySend()) return
      isScheduled = true
      setImmediate(sendWaiting)
    })
}

type Run<Item, Result> = CoalesceOptions<Item, Result>['run']

async function answersOf<Item, Result>(
  run: Run<Item, Result>,
  items: readonly Item[],
): Promise<readonly (Result | Failure)[]> {
  try {
    return await run(items)
  } catch (error) {
    if (items.length > 1 && isUnexpected(error)) return answersAlone(run, items)
    return items.map(() => new Failure(error))
  }
}

async function answersAlone<Item, Result>(
  run: Run<Item, Result>,
  items: readonly Item[],
): Promise<readonly (Result | Failure)[]> {
  const answers: (Result | Failure)[] = []
  for (let from = 0; from < items.length; from += SINGLES_AT_A_TIME) {
    const some = items.slice(from, from + SINGLES_AT_A_TIME)
    answers.push(...(await Promise.all(some.map((item) => answersOf(run, [item])))).flat())
  }
  return answers
}

/** How many of the first fit into a batch; at least one. */
function countOfBatch<Item>(
  waiting: readonly { readonly item: Item }[],
  { maxItems, maxWeight, weightOf }: Pick<CoalesceOptions<Item, unknown>, 'maxItems' | 'maxWeight' | 'weightOf'>,
): number {
  const most = Math.min(waiting.length, maxItems)
  let weight = 0
  for (let count = 0; count < most; count++) {
    weight += weightOf((waiting[count] as { item: Item }).item)
    if (weight > maxWeight && count > 0) return count
  }
  return most
}
