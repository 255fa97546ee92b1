import { type QueueCounts, TaskyardError } from '@taskyard/core'
import { assertName } from './check-submission.ts'
import type { QueueView, UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import { Throughput } from './throughput.ts'

export interface Queues {
  /** Something is done in this namespace now. So cheap that every call may say it. */
  noteUse(namespace: string): void
  /** Those of the last hour, with the default one. */
  usedNamespaces(): readonly string[]
  readonly inNamespace: InNamespace<Pick<UseCases, 'queues' | 'queue' | 'pause' | 'resume'>>
  start(): void
  stop(): Promise<void>
}

/** The queues' use cases, and the loop that samples their throughput. */
export function createQueues(context: EngineContext): Queues {
  const { store } = context
  const throughput = new Throughput(context)

  function view(namespace: string, counts: QueueCounts): QueueView {
    const { queue, paused, oldestReadyAt } = counts
    return {
      queue,
      paused,
      counts: counts.counts,
      oldestReadyAgeSeconds: oldestReadyAt === null ? null : Math.max(0, (context.timeOfDay() - oldestReadyAt) / 1000),
      throughput: throughput.of(namespace, counts),
    }
  }

  async function setPaused(queue: string, namespace: string, paused: boolean): Promise<void> {
    assertName(queue, '/queue', 'queue')
    await store.queues.pause({ namespace, queue, paused })
  }

  return {
    start: () => throughput.loop.start(),
    stop: () => throughput.loop.stop(),
    noteUse: (namespace) => throughput.noteUse(namespace),
    usedNamespaces: () => throughput.namespaces(),
    inNamespace: (namespace) => ({
      async queues() {
        const counts = await throughput.sample(namespace)
        return counts.map((queue) => view(namespace, queue))
      },
      async queue(queue) {
        assertName(queue, '/queue', 'queue')
        const [counts] = await store.reads.counts({ namespace, queue })
        if (counts === undefined) throw new TaskyardError('queue_not_found', { queue, namespace })
        return view(namespace, counts)
      },
      pause: (queue) => setPaused(queue, namespace, true),
      resume: (queue) => setPaused(queue, namespace, false),
    }),
  }
}
