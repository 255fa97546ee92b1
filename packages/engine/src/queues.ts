import { DEFAULTS, type QueueCounts, TaskyardError } from '@taskyard/core'
import { assertName } from './check-submission.ts'
import type { Engine, QueueView } from './engine.ts'
import type { Parts } from './parts.ts'
import { Throughput } from './throughput.ts'

export interface Queues extends Pick<Engine, 'queues' | 'queue' | 'pause' | 'resume'> {
  start(): void
  stop(): Promise<void>
}

export function createQueues(parts: Parts): Queues {
  const { store } = parts
  const throughput = new Throughput(parts)

  function view(namespace: string, counts: QueueCounts): QueueView {
    const { queue, paused, oldestReadyAt } = counts
    return {
      queue,
      paused,
      counts: counts.counts,
      oldestReadyAgeSeconds: oldestReadyAt === null ? null : Math.max(0, (parts.timeOfDay() - oldestReadyAt) / 1000),
      throughput: throughput.of(namespace, counts),
    }
  }

  async function setPaused(queue: string, namespace: string, paused: boolean): Promise<void> {
    assertName(queue, '/queue', 'queue')
    assertName(namespace, '/namespace', 'namespace')
    await store.queues.pause({ namespace, queue, paused })
  }

  return {
    start: () => throughput.loop.start(),
    stop: () => throughput.loop.stop(),
    async queues(namespace = DEFAULTS.namespace) {
      assertName(namespace, '/namespace', 'namespace')
      const counts = await throughput.sample(namespace)
      throughput.noteAsked(namespace)
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
