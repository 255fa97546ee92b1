import type { StuckQueues, WaitingReason } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { AskKnownWorkers } from './known-workers.ts'
import { type QueueAndType, type Taking, takingOf } from './taking.ts'
import * as because from './waiting-reasons.ts'

/** So many lanes are looked at, and so many of those that are stuck told. */
const MOST_LANES = 10_000
const MOST_TOLD = 100

/** Queues and types of a namespace whose ready tasks nothing starts as things are. */
export async function stuckLanes(
  { store: { reads } }: EngineContext,
  namespace: string,
  askKnownWorkers: AskKnownWorkers,
): Promise<StuckQueues> {
  const [lanes, queues, workers] = await Promise.all([
    reads.readyLanes({ namespace, limit: MOST_LANES }),
    reads.counts({ namespace, queue: null }),
    askKnownWorkers(namespace),
  ])
  const paused = new Set(queues.filter((queue) => queue.paused).map(({ queue }) => queue))
  const taking = takingOf(workers)
  const stuck = lanes.filter((lane) => paused.has(lane.queue) || !taking.isTaken(lane))
  const told = stuck
    .toSorted(byName)
    .slice(0, MOST_TOLD)
    .map(({ queue, type }) => {
      const isPaused = paused.has(queue)
      const reason = isPaused ? because.queuePaused(queue, namespace) : notTaken({ queue, type }, taking, namespace)
      return { queue, type, reason }
    })
  return { stuck: told, total: stuck.length, complete: lanes.length < MOST_LANES }
}

function byName(one: QueueAndType, other: QueueAndType): number {
  if (one.queue !== other.queue) return one.queue < other.queue ? -1 : 1
  return one.type < other.type ? -1 : 1
}

/** Why no known worker takes tasks of a lane. */
export function notTaken({ queue, type }: QueueAndType, taking: Taking, namespace: string): WaitingReason {
  const takenFrom = taking.queuesOf(type)
  return takenFrom.length > 0 ? because.otherQueues(queue, type, takenFrom) : because.noWorker(type, taking, namespace)
}
