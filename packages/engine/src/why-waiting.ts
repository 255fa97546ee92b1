import { createLimiter, isTerminal, type Task, type WaitingReason } from '@taskyard/core'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { type HeldWorker, heldWorkers, isSuspect } from './held-workers.ts'
import type { InNamespace } from './in-namespace.ts'
import type { AskKnownWorkers, KnownWorker } from './known-workers.ts'
import type { Reading } from './read.ts'
import { lastingReasons, stuckQueues } from './stuck-queues.ts'
import { takingOf } from './taking.ts'
import * as because from './waiting-reasons.ts'

/** Tasks before one are counted up to so many. */
const MOST_BEFORE = 10_000
/** So many questions are answered at a time: each looks at all workers of its namespace. */
const MOST_ANSWERS = 4

/** Why tasks do not run: of one task, and of lanes for whose tasks nobody will come as things are. */
export function createWhyWaiting(
  context: EngineContext,
  reading: InNamespace<Reading>,
  askKnownWorkers: AskKnownWorkers,
): InNamespace<Pick<UseCases, 'waiting' | 'stuckQueues'>> {
  const { clock, store, timeOfDay } = context
  const { reads } = store
  const answers = createLimiter({ most: MOST_ANSWERS, clock, what: 'questions why tasks wait' })

  /** What keeps a task that waits; `before`: how many come first. */
  async function waitingReasons(task: Task): Promise<readonly WaitingReason[]> {
    const { id: taskId, namespace, queue, status } = task
    const isReady = status === 'queued'
    const [[counts], known, before] = await Promise.all([
      reads.counts({ namespace, queue }),
      askKnownWorkers(namespace),
      isReady ? reads.position({ namespace, taskId, atMost: MOST_BEFORE }) : null,
    ])
    const taking = takingOf(known)
    const lasting = lastingReasons(task, { isPaused: counts?.paused ?? false, taking, namespace })
    if (!isReady) return [...lasting, notDue(task, timeOfDay())]
    const takers = taking.takers(task)
    const alone = isSuspect(task) ? [because.runsAlone(task)] : []
    const held = await heldWorkers(store, namespace, takers, timeOfDay())
    const passing = takers.length === 0 ? [] : [...alone, ...busyReasons(takers, held), ...behindReasons(before ?? 0)]
    const found = [...lasting, ...passing]
    if (found.length > 0) return found
    return [takers.length > 0 ? nextInLine(takers) : because.workersUnknown(task.type)]
  }

  async function reasonsOf(task: Task): Promise<readonly WaitingReason[]> {
    if (isTerminal(task.status)) return []
    if (task.status === 'blocked') return [because.blocked()]
    const { cancelRequestedAt } = task
    const now = timeOfDay()
    if (task.status !== 'running') return waitingReasons(task)
    return [
      cancelRequestedAt === null ? because.running(task, now) : because.cancelRequested(task, cancelRequestedAt, now),
    ]
  }

  return (namespace) => ({
    async waiting(id) {
      const task = await reading(namespace).get(id)
      return { taskId: task.id, status: task.status, reasons: await answers(() => reasonsOf(task)) }
    },
    stuckQueues: () => answers(() => stuckQueues(context, namespace, askKnownWorkers)),
  })
}

function notDue(task: Task, now: number): WaitingReason {
  return task.attempt > 0 ? because.backingOff(task, now) : because.dueLater(task, now)
}

function busyReasons(takers: readonly KnownWorker[], held: ReadonlyMap<string, HeldWorker>): readonly WaitingReason[] {
  if (!takers.every((worker) => held.has(worker.workerId) || isBusy(worker))) return []
  const leases = takers.reduce((sum, worker) => sum + worker.leases, 0)
  const [holding] = takers.flatMap(({ workerId }) => held.get(workerId) ?? [])
  return [because.workersBusy(takers.length, leases, holding)]
}

/** One that does not say how many tasks it runs at a time asks again when it has room. */
function isBusy({ leases, concurrency }: KnownWorker): boolean {
  return leases >= (concurrency ?? 1)
}

function behindReasons(before: number): readonly WaitingReason[] {
  return before > 0 ? [because.behindOthers(before, MOST_BEFORE)] : []
}

function nextInLine(takers: readonly KnownWorker[]): WaitingReason {
  return because.aboutToStart(takers.length, Math.min(...takers.map(({ seenAgoMs }) => seenAgoMs ?? 0)))
}
