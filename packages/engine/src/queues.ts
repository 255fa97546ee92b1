import { DEFAULTS, type QueueCounts, TaskyardError } from '@taskyard/core'
import { assertName } from './check-submission.ts'
import type { Engine, QueueView } from './engine.ts'
import type { Parts } from './parts.ts'

const SAMPLE_EVERY_MS = 5000
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

export interface Queues extends Pick<Engine, 'queues' | 'queue' | 'pause' | 'resume'> {
  start(): void
  stop(): void
}

/** Queues, with their throughput from samples of the store's totals: right for any number of server processes. */
export function createQueues(parts: Parts): Queues {
  const { store, clock, troubles } = parts
  const sampled = new Map<string, Sampled>()
  let cancelTimer = () => {}
  let stopped = false

  async function sampleAll(): Promise<void> {
    try {
      forgetUnasked()
      for (const namespace of new Set([DEFAULTS.namespace, ...sampled.keys()])) await sample(namespace)
      troubles.worked('throughput')
    } catch (error) {
      troubles.failed('throughput', error)
    }
    if (!stopped) cancelTimer = clock.after(SAMPLE_EVERY_MS, () => void parts.underWay.track(sampleAll()))
  }

  /** A namespace that nobody asks for is not sampled, so that any number of them may be asked for. */
  function forgetUnasked(): void {
    const now = clock.now()
    for (const [namespace, { askedAt }] of sampled) {
      if (namespace !== DEFAULTS.namespace && now - askedAt > WINDOW_MS) sampled.delete(namespace)
    }
  }

  async function sample(namespace: string): Promise<readonly QueueCounts[]> {
    const counts = await store.reads.counts({ namespace, queue: null })
    remember(namespace, counts)
    return counts
  }

  function samplesOf(namespace: string): Sampled {
    const known = sampled.get(namespace)
    if (known !== undefined) return known
    const oldest =
      sampled.size > MOST_NAMESPACES ? [...sampled.keys()].find((name) => name !== DEFAULTS.namespace) : undefined
    if (oldest !== undefined) sampled.delete(oldest)
    const added = { samples: [], askedAt: clock.now() }
    sampled.set(namespace, added)
    return added
  }

  function remember(namespace: string, counts: readonly QueueCounts[]): void {
    const kept = samplesOf(namespace).samples
    const now = clock.now()
    const newest = kept.at(-1)
    if (newest === undefined || now - newest.at >= SAMPLE_EVERY_MS / 2) {
      kept.push({ at: now, finished: new Map(counts.map(({ queue, finishedTotal }) => [queue, finishedTotal])) })
    }
    while (kept.length > 1 && now - (kept[0] as Sample).at > WINDOW_MS) kept.shift()
  }

  function view(namespace: string, counts: QueueCounts): QueueView {
    const { queue, paused, oldestReadyAt, finishedTotal } = counts
    const [oldest] = sampled.get(namespace)?.samples ?? []
    const seconds = oldest === undefined ? 0 : (clock.now() - oldest.at) / 1000
    const finished = finishedTotal - (oldest?.finished.get(queue) ?? 0)
    return {
      queue,
      paused,
      counts: counts.counts,
      oldestReadyAgeSeconds: oldestReadyAt === null ? null : Math.max(0, (parts.timeOfDay() - oldestReadyAt) / 1000),
      throughput: seconds < 1 ? 0 : Math.round((finished / seconds) * 100) / 100,
    }
  }

  async function setPaused(queue: string, namespace: string, paused: boolean): Promise<void> {
    assertName(queue, '/queue', 'queue')
    assertName(namespace, '/namespace', 'namespace')
    await store.queues.pause({ namespace, queue, paused })
  }

  return {
    start: () => void parts.underWay.track(sampleAll()),
    stop() {
      stopped = true
      cancelTimer()
    },
    async queues(namespace = DEFAULTS.namespace) {
      assertName(namespace, '/namespace', 'namespace')
      const counts = await sample(namespace)
      samplesOf(namespace).askedAt = clock.now()
      return counts.map((queue) => view(namespace, queue))
    },
    async queue(queue, namespace = DEFAULTS.namespace) {
      assertName(queue, '/queue', 'queue')
      assertName(namespace, '/namespace', 'namespace')
      const [counts] = await store.reads.counts({ namespace, queue })
      if (counts === undefined) throw new TaskyardError('queue_not_found', { queue })
      return view(namespace, counts)
    },
    pause: (queue, namespace = DEFAULTS.namespace) => setPaused(queue, namespace, true),
    resume: (queue, namespace = DEFAULTS.namespace) => setPaused(queue, namespace, false),
  }
}
