import { type QueueCounts, TaskyardError } from '@taskyard/core'
import { assertName } from './check-submission.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import { Throughput } from './throughput.ts'
import type { QueueOfNamespace, QueueView } from './views.ts'

export interface Queues {
  ofUsedNamespaces(): Promise<readonly QueueOfNamespace[]>
  readonly inNamespace: InNamespace<Pick<UseCases, 'queues' | 'queue' | 'pause' | 'resume'>>
  start(): void
  stop(): Promise<void>
}

/** Namespaces that are read at a time. */
const READS_AT_ONCE = 8

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

  async function queuesOf(namespace: string): Promise<readonly QueueView[]> {
    const counts = await throughput.sample(namespace)
    return counts.map((queue) => view(namespace, queue))
  }

  async function setPaused(namespace: string, queue: string, paused: boolean): Promise<void> {
    assertName(queue, '/queue', 'queue')
    await store.queues.pause({ namespace, queue, paused })
  }

  return {
    start: () => throughput.loop.start(),
    stop: () => throughput.loop.stop(),
    async ofUsedNamespaces() {
      const found: QueueOfNamespace[] = []
      const namespaces = context.usedNamespaces.all().values()
      const readNext = async () => {
        for (const namespace of namespaces)
          for (const queue of await queuesOf(namespace)) found.push({ namespace, ...queue })
      }
      await Promise.all(Array.from({ length: READS_AT_ONCE }, readNext))
      return found
    },
    inNamespace: (namespace) => ({
      async queues() {
        context.usedNamespaces.note(namespace)
        return queuesOf(namespace)
      },
      async queue(queue) {
        assertName(queue, '/queue', 'queue')
        const [counts] = await store.reads.counts({ namespace, queue })
        if (counts === undefined) throw new TaskyardError('queue_not_found', { queue, namespace })
        return view(namespace, counts)
      },
      pause: (queue) => setPaused(namespace, queue, true),
      resume: (queue) => setPaused(namespace, queue, false),
    }),
  }
}
