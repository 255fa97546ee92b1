import type { QueueCounts } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { Loop } from './loop.ts'
import { LOOPS } from './loops.ts'

const SAMPLE_EVERY_MS = LOOPS.throughput.intervalMs
const WINDOW_MS = 60_000

interface Sample {
  readonly at: number
  readonly finished: ReadonlyMap<string, number>
}

/** How many tasks finish per second, from samples of the store's totals: right for any number of server processes. */
export class Throughput {
  readonly #context: EngineContext
  /** By namespace, the oldest first. */
  readonly #samples = new Map<string, Sample[]>()
  readonly loop: Loop

  constructor(context: EngineContext) {
    this.#context = context
    this.loop = context.loops.create('throughput', async () => {
      const used = context.usedNamespaces.all()
      for (const namespace of this.#samples.keys()) if (!used.includes(namespace)) this.#samples.delete(namespace)
      for (const namespace of used) await this.sample(namespace)
      return {}
    })
  }

  /** The counts of the queues now, which are a sample too. */
  async sample(namespace: string): Promise<readonly QueueCounts[]> {
    const counts = await this.#context.store.reads.counts({ namespace, queue: null })
    this.#remember(namespace, counts)
    return counts
  }

  /** Tasks per second, over the last minute at most. */
  of(namespace: string, { queue, finishedTotal }: QueueCounts): number {
    const [oldest] = this.#samples.get(namespace) ?? []
    const seconds = oldest === undefined ? 0 : (this.#context.clock.now() - oldest.at) / 1000
    const finished = finishedTotal - (oldest?.finished.get(queue) ?? 0)
    return seconds < 1 ? 0 : Math.round((finished / seconds) * 100) / 100
  }

  #remember(namespace: string, counts: readonly QueueCounts[]): void {
    const kept = this.#samples.get(namespace) ?? []
    this.#samples.set(namespace, kept)
    const now = this.#context.clock.now()
    const newest = kept.at(-1)
    if (newest === undefined || now - newest.at >= SAMPLE_EVERY_MS / 2) {
      kept.push({ at: now, finished: new Map(counts.map(({ queue, finishedTotal }) => [queue, finishedTotal])) })
    }
    while (kept.length > 1 && now - (kept[0] as Sample).at > WINDOW_MS) kept.shift()
  }
}
