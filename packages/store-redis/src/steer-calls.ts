import {
  type BeatParams,
  type CancelOutcome,
  type CountsParams,
  type PauseParams,
  type QueueCounts,
  type RetryOutcome,
  type TaskIdsParams,
  workerKey,
} from '@taskyard/core'
import { type CallContext, inParts } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'
import { statusOf } from './task-records.ts'

const TASKS_PER_CALL = 500
/** Times that counts are asked again while a burst of due tasks is made ready. */
const MOST_ROUNDS = 20

/** The port's `cancel`. */
export async function cancel(
  context: CallContext,
  { namespace, taskIds }: TaskIdsParams,
): Promise<readonly CancelOutcome[]> {
  const outcomes: CancelOutcome[] = []
  for (const part of inParts(taskIds, TASKS_PER_CALL)) {
    const args = [context.now(), namespace, ...part]
    const [, readyLanes, ...answers] = (await context.run(SCRIPTS.cancel, args)) as string[]
    context.publishReady(readyLanes as string)
    outcomes.push(...answers.map(cancelOutcome))
  }
  return outcomes
}

function cancelOutcome(answer: string): CancelOutcome {
  const rest = answer.slice(1)
  switch (answer[0]) {
    case 'c':
      return { kind: 'cancelled' }
    case 'r':
      return { kind: 'requested', workerId: JSON.parse(rest) as string }
    case 'e':
      return { kind: 'ended', status: statusOf(rest) }
    default:
      return { kind: 'not-found' }
  }
}

/** The port's `retry`. */
export async function retry(
  context: CallContext,
  { namespace, taskIds }: TaskIdsParams,
): Promise<readonly RetryOutcome[]> {
  const outcomes: RetryOutcome[] = []
  for (const part of inParts(taskIds, TASKS_PER_CALL)) {
    const args = [context.now(), namespace, ...part]
    const [, readyLanes, ...answers] = (await context.run(SCRIPTS.retry, args)) as string[]
    context.publishReady(readyLanes as string)
    outcomes.push(...answers.map(retryOutcome))
  }
  return outcomes
}

function retryOutcome(answer: string): RetryOutcome {
  if (answer === 'y') return { kind: 'retried' }
  return answer === 'n' ? { kind: 'not-found' } : { kind: 'not-retryable', status: statusOf(answer.slice(1)) }
}

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

/** The port's `pause`. */
export async function pause(context: CallContext, { namespace, queue, paused }: PauseParams): Promise<void> {
  const readyLanes = await context.run(SCRIPTS.pause, [context.now(), namespace, queue, paused ? '1' : '0'])
  context.publishReady(readyLanes as string)
}

/** The port's `beat`. */
export async function beat(
  { run, now }: Pick<CallContext, 'run' | 'now'>,
  { nodeId, workers, ttlMs }: BeatParams,
): Promise<void> {
  await run(SCRIPTS.beat, [now(), nodeId, ttlMs, JSON.stringify(workers.map(workerKey))])
}
