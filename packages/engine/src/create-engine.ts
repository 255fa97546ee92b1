import { type EndedLease, workerKey } from '@taskyard/core'
import { createClaimCalls } from './claim-calls.ts'
import { createParts } from './create-parts.ts'
import { createDispatcher } from './dispatcher.ts'
import type { Engine, EngineHealth, EngineOptions } from './engine.ts'
import { createGiveBack } from './give-back.ts'
import { joinUseCases } from './in-namespace.ts'
import { createLeasing } from './lease.ts'
import type { Parts } from './parts.ts'
import { createQueues } from './queues.ts'
import { createReading } from './read.ts'
import { createSessions } from './sessions.ts'
import { createSteering } from './steer.ts'
import { createSubmit } from './submit.ts'
import { createSweeper } from './sweeper.ts'
import { createWaiting } from './wait.ts'

/** The use cases over a store; see {@link Engine}. */
export function createEngine(options: EngineOptions): Engine {
  let stopping = false
  const parts = createParts(options, { sweeper: () => sweeper, isStopping: () => stopping })
  const onEnded = tellEnded(parts)
  const giveBack = createGiveBack(parts)
  const calls = createClaimCalls()
  const dispatcher = createDispatcher(parts, calls, giveBack)
  const onSwept = (ended: readonly EndedLease[]) => {
    dispatcher.endWaits(new Set(ended.filter(({ reason }) => reason === 'expired').map(workerKey)))
    onEnded(ended)
  }
  const sweeper = parts.sweeps ? createSweeper(parts, onSwept) : null
  const sessions = createSessions(parts, options.nodeId, onEnded)
  const reading = createReading(parts)
  const waiting = createWaiting(parts)
  const queues = createQueues(parts)
  const submitting = createSubmit(parts)
  return {
    nodeId: options.nodeId,
    async start() {
      parts.standstills.start()
      dispatcher.start()
      sweeper?.start()
      queues.start()
      await sessions.start()
    },
    async stop() {
      stopping = true
      submitting.stop()
      void parts.underWay.track(
        Promise.all([parts.standstills.stop(), dispatcher.stop(), waiting.stop(), queues.stop()]),
      )
      await Promise.all([sessions.stop(), sweeper?.stop()])
      await parts.underWay.ended()
    },
    in: joinUseCases([
      submitting.inNamespace,
      createLeasing(parts, dispatcher, calls, giveBack, sessions),
      sessions.inNamespace,
      reading,
      waiting.inNamespace,
      createSteering(parts, reading),
      queues.inNamespace,
    ]),
    health: () => healthOf(parts),
    loops: parts.loops.reports,
  }
}

/** Tells metrics and those who wait of leases that ended without their worker. */
function tellEnded({ observer, taskNews }: Parts): (ended: readonly EndedLease[]) => void {
  return (ended) => {
    for (const lease of ended) {
      observer.leaseEnded?.(lease, lease.reason)
      taskNews.cameTo(lease.taskStatus, lease.taskId, { ...lease, tags: null })
    }
  }
}

async function healthOf({ store, loops, isStopping }: Parts): Promise<EngineHealth> {
  const health = await store.lifecycle.health()
  const reports = loops.reports()
  const canServe = reports.every(({ essential, healthy }) => healthy || !essential)
  return { ready: health.healthy && !isStopping() && canServe, store: health, loops: reports }
}
