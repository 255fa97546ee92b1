import { DEFAULTS, type QueueCounts } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { Loop } from './loop.ts'
import { LOOPS } from './loops.ts'

const SAMPLE_EVERY_MS = LOOPS.throughput.intervalMs
const WINDOW_MS = 60_000
/** Namespaces whose throughput is known at a time, beside the default one. */
const MOST_NAMESPACES = 100

interface Sample {
  readonly at: number
  readonly finished: ReadonlyMap<string, number>
}

interface Sampled {
  readonly samples: Sample[]
  askedAt: number
}

/** How many tasks finish per second, from samples of the store's totals: right for any number of server processes. */
export class Throughput {
  readonly #context: EngineContext
  readonly #sampled = new Map<string, Sampled>()
  readonly loop: Loop

  constructor(context: EngineContext) {
    this.#context = context
    this.loop = context.loops.create('throughput', async () => {
      this.#forgetUnasked()
      for (const namespace of new Set([DEFAULTS.namespace, ...this.#sampled.keys()])) await this.sample(namespace)
      return {}
    })
  }

  /** The counts of the queues now, which are a sample too. */
  async sample(namespace: string): Promise<readonly QueueCounts[]> {
    const counts = await this.#context.store.reads.counts({ namespace, queue: null })
    this.#remember(namespace, counts)
    return counts
  }

  /** Somebody wants to know: the namespace is sampled for a while. */
  noteAsked(namespace: string): void {
    this.#samplesOf(namespace).askedAt = this.#context.clock.now()
  }

  /** Tasks per second, over the last minute at most. */
  of(namespace: string, { queue, finishedTotal }: QueueCounts): number {
    const [oldest] = this.#sampled.get(namespace)?.samples ?? []
    const seconds = oldest === undefined ? 0 : (this.#context.clock.now() - oldest.at) / 1000
    const finished = finishedTotal - (oldest?.finished.get(queue) ?? 0)
    return seconds < 1 ? 0 : Math.round((finished / seconds) * 100) / 100
  }

  /** A namespace that nobody asks for is not sampled, so that any number of them may be asked for. */
  #forgetUnasked(): void {
    const now = this.#context.clock.now()
    for (const [namespace, { askedAt }] of this.#sampled) {
      if (namespace !== DEFAULTS.namespace && now - askedAt > WINDOW_MS) this.#sampled.delete(namespace)
    }
  }

  #samplesOf(namespace: string): Sampled {
    const sampled = this.#sampled
    const known = sampled.get(namespace)
    if (known !== undefined) return known
    const oldest =
      sampled.size > MOST_NAMESPACES ? [...sampled.keys()].find((name) => name !== DEFAULTS.namespace) : undefined
    if (oldest !== undefined) sampled.delete(oldest)
    const added = { samples: [], askedAt: this.#context.clock.now() }
    sampled.set(namespace, added)
    return added
  }

  #remember(namespace: string, counts: readonly QueueCounts[]): void {
    const kept = this.#samplesOf(namespace).samples
    const now = this.#context.clock.now()
    const newest = kept.at(-1)
    if (newest === undefined || now - newest.at >= SAMPLE_EVERY_MS / 2) {
      kept.push({ at: now, finished: new Map(counts.map(({ queue, finishedTotal }) => [queue, finishedTotal])) })
    }
    while (kept.length > 1 && now - (kept[0] as Sample).at > WINDOW_MS) kept.shift()
  }
}
