import type { NewsMessage, NewsMissed, Task } from '@taskyard/core'
import type { EndedTasksInterest, EndListener } from './end-listener.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'

/** Tasks that are read in one call: each may hold megabytes. */
const READ_AT_ONCE = 32
/** Ends that wait to be read for one listener; what is more is missed. */
const MOST_WAITING = 10_000

export interface EndedTasks {
  readonly inNamespace: InNamespace<Pick<UseCases, 'onEnded'>>
  /** Nobody is told of anything any more. */
  stop(): void
}

/** Tells of the ends of tasks of some kind, by news: best effort. */
export function createEndedTasks(context: EngineContext): EndedTasks {
  const stops = new Set<() => void>()

  function onEnded(namespace: string, interest: EndedTasksInterest, listener: EndListener): () => void {
    const reader = createReader(context, namespace, interest, listener)
    const { status, ...filter } = interest
    const unsubscribe = context.news.subscribe({ of: 'tasks', namespace, statuses: [status], ...filter }, reader.hear)
    const stop = () => {
      unsubscribe()
      reader.stop()
      stops.delete(stop)
    }
    stops.add(stop)
    return stop
  }

  return {
    inNamespace: (namespace) => ({ onEnded: (interest, listener) => onEnded(namespace, interest, listener) }),
    stop() {
      for (const stop of [...stops]) stop()
    },
  }
}

/** Reads the tasks of which there is news, in its order, a few at a time. */
function createReader(
  { store, pendingCalls }: EngineContext,
  namespace: string,
  { status, tag }: EndedTasksInterest,
  listener: EndListener,
) {
  let waiting: string[] = []
  let isReading = false
  let isStopped = false
  let hasMissed = false

  async function read(): Promise<void> {
    isReading = true
    while (waiting.length > 0) {
      const taskIds = waiting.slice(0, READ_AT_ONCE)
      waiting = waiting.slice(READ_AT_ONCE)
      try {
        for (const task of await store.reads.find({ namespace, taskIds })) if (isWanted(task)) listener.ended(task)
      } catch (error) {
        listener.missed(error)
      }
    }
    isReading = false
    hasMissed = false
  }

  /** Told once until there is room for all again. */
  function miss(): void {
    if (!hasMissed) listener.missed(null)
    hasMissed = true
  }

  /** Somebody may have retried it since; and news may not tell the tags. */
  function isWanted(task: Task | null): task is Task {
    return !isStopped && task?.status === status && (tag === undefined || task.tags.includes(tag))
  }

  return {
    hear(message: NewsMessage | NewsMissed): void {
      if (message.kind === 'missed') return listener.missed(null)
      if (waiting.length >= MOST_WAITING) return miss()
      waiting.push(message.taskId)
      if (!isReading) void pendingCalls.track(read())
    },
    stop(): void {
      isStopped = true
      waiting = []
    },
  }
}
