import {
  type CountsParams,
  isTaskId,
  type PauseParams,
  type PositionParams,
  type QueueCounts,
  type ReadyLane,
  type ReadyLanesParams,
} from '@taskyard/core'
import { type CallContext, inParts } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'

/** Times that counts are asked again while a burst of due tasks is made ready. */
const MOST_ROUNDS = 20

const FIELDS = 10

/** The port's `counts`. */
export async function counts(
  context: CallContext,
  { namespace, queue }: CountsParams,
): Promise<readonly QueueCounts[]> {
  // To the script an empty name stands for every queue.
  if (queue === '') return []
  for (let round = 1; ; round++) {
    const args = [context.now(), namespace, queue ?? '']
    const [more, readyLanes, ...rest] = (await context.run(SCRIPTS.counts, args)) as string[]
    context.publishReady(readyLanes as string)
    if (more === 'more' && round < MOST_ROUNDS) continue
    const queues = inParts(rest, FIELDS).map(queueCounts)
    return [...queues].sort((one, other) => (one.queue < other.queue ? -1 : 1))
  }
}

function queueCounts(fields: readonly string[]): QueueCounts {
  const [queue, paused, ...rest] = fields as [string, string, ...string[]]
  const [scheduled, queued, running, succeeded, failed, cancelled, finishedTotal] = rest
    .slice(0, 7)
    .map(Number) as number[] as [number, number, number, number, number, number, number]
  const oldest = rest[7]
  return {
    queue,
    paused: paused === '1',
    counts: { blocked: 0, scheduled, queued, running, succeeded, failed, cancelled },
    oldestReadyAt: oldest === '' || oldest === undefined ? null : Number(oldest),
    finishedTotal,
  }
}

/** The port's `position`. */
export async function position(
  context: CallContext,
  { namespace, taskId, atMost }: PositionParams,
): Promise<number | null> {
  if (!isTaskId(taskId)) return null
  const answer = await context.run(SCRIPTS.position, [context.now(), namespace, taskId, atMost])
  const [readyLanes, before] = answer as [string, string]
  context.publishReady(readyLanes)
  return before === '' ? null : Number(before)
}

/** The port's `readyLanes`. */
export async function readyLanes(
  context: CallContext,
  { namespace, limit }: ReadyLanesParams,
): Promise<readonly ReadyLane[]> {
  const answer = await context.run(SCRIPTS.readyLanes, [context.now(), namespace, limit])
  const [becameReady, ...lanes] = answer as [string, ...string[]]
  context.publishReady(becameReady)
  return lanes.map((names) => {
    const [, queue, type] = names.split('\n') as [string, string, string]
    return { namespace, queue, type }
  })
}

/** The port's `pause`. */
export async function pause(context: CallContext, { namespace, queue, paused }: PauseParams): Promise<void> {
  const readyLanes = await context.run(SCRIPTS.pause, [context.now(), namespace, queue, paused ? '1' : '0'])
  context.publishReady(readyLanes as string)
}
