import { DEFAULTS, type QueueCounts } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { Loop } from './loop.ts'
import { LOOPS } from './loops.ts'

const SAMPLE_EVERY_MS = LOOPS.throughput.intervalMs
const WINDOW_MS = 60_000
/** Namespaces that are sampled at a time, beside the default one, and how long after their last use. */
const MOST_NAMESPACES = 100
const USED_MS = 3_600_000

interface Sample {
  readonly at: number
  readonly finished: ReadonlyMap<string, number>
}

interface Sampled {
  readonly samples: Sample[]
  usedAt: number
}

/** How many tasks finish per second, from samples of the store's totals: right for any number of server processes. */
export class Throughput {
  readonly #context: EngineContext
  readonly #sampled = new Map<string, Sampled>()
  readonly loop: Loop

  constructor(context: EngineContext) {
    this.#context = context
    this.#add(DEFAULTS.namespace, 0)
    this.loop = context.loops.create('throughput', async () => {
      this.#forgetUnused()
      for (const namespace of this.namespaces()) await this.sample(namespace)
      return {}
    })
  }

  /** The counts of the queues now, which are a sample too. */
  async sample(namespace: string): Promise<readonly QueueCounts[]> {
    const counts = await this.#context.store.reads.counts({ namespace, queue: null })
    this.#remember(namespace, counts)
    return counts
  }

  /** The namespace is sampled from now on, for a while. */
  noteUse(namespace: string): void {
    const now = this.#context.clock.now()
    const known = this.#sampled.get(namespace)
    if (known !== undefined) known.usedAt = now
    else this.#add(namespace, now)
  }

  /** Those that are sampled. */
  namespaces(): readonly string[] {
    return [...this.#sampled.keys()]
  }

  /** Tasks per second, over the last minute at most. */
  of(namespace: string, { queue, finishedTotal }: QueueCounts): number {
    const [oldest] = this.#sampled.get(namespace)?.samples ?? []
    const seconds = oldest === undefined ? 0 : (this.#context.clock.now() - oldest.at) / 1000
    const finished = finishedTotal - (oldest?.finished.get(queue) ?? 0)
    return seconds < 1 ? 0 : Math.round((finished / seconds) * 100) / 100
  }

  #add(namespace: string, now: number): void {
    if (this.#sampled.size > MOST_NAMESPACES) {
      const [longestUnused] = this.#others().sort(([, one], [, other]) => one.usedAt - other.usedAt)
      this.#sampled.delete(longestUnused?.[0] ?? '')
    }
    this.#sampled.set(namespace, { samples: [], usedAt: now })
  }

  #forgetUnused(): void {
    const now = this.#context.clock.now()
    for (const [namespace, { usedAt }] of this.#others()) if (now - usedAt > USED_MS) this.#sampled.delete(namespace)
  }

  /** All but the default one, which is always sampled. */
  #others(): [namespace: string, sampled: Sampled][] {
    return [...this.#sampled].filter(([namespace]) => namespace !== DEFAULTS.namespace)
  }

  #remember(namespace: string, counts: readonly QueueCounts[]): void {
    const kept = this.#sampled.get(namespace)?.samples
    if (kept === undefined) return
    const now = this.#context.clock.now()
    const newest = kept.at(-1)
    if (newest === undefined || now - newest.at >= SAMPLE_EVERY_MS / 2) {
      kept.push({ at: now, finished: new Map(counts.map(({ queue, finishedTotal }) => [queue, finishedTotal])) })
    }
    while (kept.length > 1 && now - (kept[0] as Sample).at > WINDOW_MS) kept.shift()
  }
}
