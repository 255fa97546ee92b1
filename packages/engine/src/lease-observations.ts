import type { ClaimParams, ExtendStatus, LeasedTask, LeaseRef, Settlement, SettleResult } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { SettledOutcome } from './observer.ts'
import type { Sessions } from './sessions.ts'

/** What follows from the calls of workers for others: metrics, news, presence, the sweeper. */
export interface LeaseObservations {
  claimed(claim: ClaimParams, tasks: readonly LeasedTask[]): void
  settled(settlement: Settlement, result: SettleResult): void
  /** A worker that is heard of leases which are over is alive, whatever was thought of it when they ended. */
  answered(
    operation: 'extend' | 'settle' | 'record',
    namespace: string,
    leases: readonly LeaseRef[],
    statuses: readonly ExtendStatus[],
  ): void
}

/** Nothing in here fails or holds up the call that it follows. */
export function createLeaseObservations(
  context: EngineContext,
  sessions: Pick<Sessions, 'leasesGiven'>,
): LeaseObservations {
  const { store, observer, taskNews } = context
  return {
    claimed({ namespace, worker }, tasks) {
      sessions.leasesGiven(namespace, worker)
      taskNews.started(tasks)
    },
    settled(settlement, result) {
      if (result.status === 'lost' || result.repeated) return
      const { taskId, outcome } = settlement
      const { namespace, queue, type, waitMs, runMs, taskStatus, runAt } = result
      if (taskStatus === 'scheduled' && runAt !== null) context.wakeSweeperAt(runAt)
      observer.settled?.({ namespace, queue, type, waitMs, runMs, outcome: seenOutcome(outcome, taskStatus) })
      if (settlement.outcome === 'failed') {
        const { error } = settlement
        observer.attemptFailed?.({
          taskId,
          namespace,
          queue,
          type,
          taskStatus,
          cause: 'failed',
          workerId: null,
          error,
          runAt,
        })
      }
      taskNews.statusChanged(taskStatus, taskId, { namespace, queue, type, tags: null })
    },
    answered(operation, namespace, leases, statuses) {
      if (!statuses.includes('lost')) return
      const lost = leases.filter((_, i) => statuses[i] === 'lost')
      for (const _ of lost) observer.staleWriteRefused?.(namespace, operation)
      // What was asked for is done: it does not wait for this, nor fail because of it, which is only known a little worse without.
      context.pendingCalls.track(store.presence.takeBackCrashes({ namespace, leases: lost })).catch(() => {})
    },
  }
}

function seenOutcome(outcome: Settlement['outcome'], taskStatus: string): SettledOutcome['outcome'] {
  if (outcome === 'failed' && (taskStatus === 'scheduled' || taskStatus === 'queued')) return 'retry-scheduled'
  return taskStatus === 'cancelled' ? 'cancelled' : outcome
}
