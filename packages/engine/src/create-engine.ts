import { type EndedLease, workerKey } from '@taskyard/core'
import { createCancelAndRetry } from './cancel-and-retry.ts'
import { createClaimCalls } from './claim-calls.ts'
import { createEngineContext } from './create-engine-context.ts'
import { createDeletion } from './delete.ts'
import { createEndedTasks } from './ended-tasks.ts'
import type { Engine, EngineOptions } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { createGiveBack } from './give-back.ts'
import { cacheByNamespace } from './in-namespace.ts'
import { createLeasing } from './lease.ts'
import { createLongPolls } from './long-polls.ts'
import type { EndedAttempt } from './observer.ts'
import { createQueues } from './queues.ts'
import { createReading } from './read.ts'
import { createSessions } from './sessions.ts'
import { createSubmit } from './submit.ts'
import { createSweeper } from './sweeper.ts'
import { createTypes } from './types.ts'
import type { EngineHealth } from './views.ts'
import { createWaiting } from './wait.ts'
import { createWhyWaiting } from './why-waiting.ts'

// Long: a line or two for each of its parts.
/** The use cases over a store; see {@link Engine}. */
// Long: everything that an engine is made of, put together once.
export function createEngine(options: EngineOptions): Engine {
  let stopping = false
  const context = createEngineContext(options, { sweeper: () => sweeper, isStopping: () => stopping })
  const onEnded = tellEnded(context)
  const giveBack = createGiveBack(context)
  const calls = createClaimCalls()
  const longPolls = createLongPolls(context, calls, giveBack)
  const onSwept = (ended: readonly EndedLease[]) => {
    longPolls.endWaits(new Set(ended.filter(({ reason }) => reason === 'expired').map(workerKey)))
    onEnded(ended)
  }
  const sweeper = context.sweeps ? createSweeper(context, onSwept) : null
  const sessions = createSessions(context, options.nodeId, onEnded)
  const reading = createReading(context)
  const waiting = createWaiting(context)
  const endedTasks = createEndedTasks(context)
  const queues = createQueues(context)
  const types = createTypes(context)
  const submitting = createSubmit(context)
  const leasing = createLeasing(context, longPolls, calls, giveBack, sessions)
  const cancelAndRetry = createCancelAndRetry(context, reading)
  const deletion = createDeletion(context)
  const whyWaiting = createWhyWaiting(context, reading, sessions.askKnownWorkers)
  return {
    nodeId: options.nodeId,
    async start() {
      context.standstills.start()
      longPolls.start()
      sweeper?.start()
      queues.start()
      await sessions.start()
    },
    async stop() {
      stopping = true
      submitting.stop()
      endedTasks.stop()
      void context.pendingCalls.track(
        Promise.all([context.standstills.stop(), longPolls.stop(), waiting.stop(), queues.stop()]),
      )
      await Promise.all([sessions.stop(), sweeper?.stop()])
      await context.pendingCalls.ended()
    },
    in: cacheByNamespace((namespace) => ({
      namespace,
      ...submitting.inNamespace(namespace),
      ...leasing(namespace),
      ...sessions.inNamespace(namespace),
      ...reading(namespace),
      ...waiting.inNamespace(namespace),
      ...whyWaiting(namespace),
      ...endedTasks.inNamespace(namespace),
      ...cancelAndRetry(namespace),
      ...deletion(namespace),
      ...queues.inNamespace(namespace),
      ...types(namespace),
    })),
    queuesOfUsedNamespaces: () => queues.ofUsedNamespaces(),
    connectedWorkers: sessions.connectedWorkers,
    health: () => healthOf(context),
    backup: context.store.lifecycle.backup ?? null,
    loops: context.loops.reports,
  }
}

/** Tells metrics and those who wait of leases that ended without their worker. */
function tellEnded({ observer, taskNews }: EngineContext): (ended: readonly EndedLease[]) => void {
  return (ended) => {
    for (const lease of ended) {
      observer.leaseEnded?.(lease, lease.reason)
      observer.attemptFailed?.(endedAttempt(lease))
      taskNews.statusChanged(lease.taskStatus, lease.taskId, { ...lease, tags: null })
    }
  }
}

async function healthOf({ store, loops, isStopping }: EngineContext): Promise<EngineHealth> {
  const health = await store.lifecycle.health()
  const reports = loops.reports()
  const canServe = reports.every(({ essential, healthy }) => healthy || !essential)
  return { ready: health.healthy && !isStopping() && canServe, store: health, loops: reports }
}

function endedAttempt({ reason, taskId, namespace, queue, type, workerId, taskStatus }: EndedLease): EndedAttempt {
  return { taskId, namespace, queue, type, taskStatus, cause: reason, workerId, error: null, runAt: null }
}
