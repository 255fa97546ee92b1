import type { StuckQueues, WaitingReason } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { AskKnownWorkers } from './known-workers.ts'
import { type QueueAndType, type Taking, takingOf } from './taking.ts'
import * as because from './waiting-reasons.ts'

/** So many lanes are looked at, and so many of those that are stuck told. */
const MOST_LANES = 10_000
const MOST_TOLD = 100

/** Queues and types of a namespace whose ready tasks nothing starts as things are. */
export async function stuckQueues(
  { store: { reads } }: EngineContext,
  namespace: string,
  askKnownWorkers: AskKnownWorkers,
): Promise<StuckQueues> {
  const [lanes, queues, known] = await Promise.all([
    reads.readyLanes({ namespace, limit: MOST_LANES }),
    reads.counts({ namespace, queue: null }),
    askKnownWorkers(namespace),
  ])
  const paused = new Set(queues.filter((queue) => queue.paused).map(({ queue }) => queue))
  const taking = takingOf(known)
  const stuck = lanes.filter((lane) => paused.has(lane.queue) || !taking.isTaken(lane))
  const told = stuck
    .toSorted(byName)
    .slice(0, MOST_TOLD)
    .map(({ queue, type }) => {
      const isPaused = paused.has(queue)
      return { queue, type, reasons: lastingReasons({ queue, type }, { isPaused, taking, namespace }) }
    })
  return { stuck: told, total: stuck.length, complete: lanes.length < MOST_LANES && known.complete }
}

function byName(one: QueueAndType, other: QueueAndType): number {
  if (one.queue !== other.queue) return one.queue < other.queue ? -1 : 1
  return one.type < other.type ? -1 : 1
}

/** What of a lane's queue and of who takes it keeps its tasks for good. */
export function lastingReasons(
  lane: QueueAndType,
  { isPaused, taking, namespace }: { readonly isPaused: boolean; readonly taking: Taking; readonly namespace: string },
): readonly WaitingReason[] {
  const paused = isPaused ? [because.queuePaused(lane.queue, namespace)] : []
  return taking.isTaken(lane) ? paused : [...paused, notTaken(lane, taking, namespace)]
}

function notTaken({ queue, type }: QueueAndType, taking: Taking, namespace: string): WaitingReason {
  const takenFrom = taking.queuesOf(type)
  return takenFrom.length > 0 ? because.otherQueues(queue, type, takenFrom) : because.noWorker(type, taking, namespace)
}
