import {
  type CancelOutcome,
  RETRYABLE_STATUSES,
  type RetryableStatus,
  type Task,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import { createBulkWalks, OVER_ENDED, statusesToWalk } from './bulk.ts'
import { toTaskId } from './check-submission.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import type { Reading } from './read.ts'

/**
 * A task that fails and is tried again can go round behind a walk over the states. It cannot behind several at once, each
 * of them over in milliseconds when there is nothing left.
 */
const QUIET_PASSES = 6

const NOT_ENDED: readonly TaskStatus[] = ['scheduled', 'queued', 'blocked', 'running']
const CANCELLABLE = { possible: NOT_ENDED, usual: NOT_ENDED } as const
const RETRYABLE = { possible: RETRYABLE_STATUSES, usual: ['failed'] } as const

type CancelAndRetry = Pick<UseCases, 'cancel' | 'retry' | 'cancelMatching' | 'retryMatching'>

/** Cancel and retry, by id and by filter. */
export function createCancelAndRetry(
  context: EngineContext,
  reading: InNamespace<Reading>,
): InNamespace<CancelAndRetry> {
  const { store, taskNews } = context
  const walk = createBulkWalks(context)

  /** Reads the task for the answer, and tells what it has come to. */
  async function after(namespace: string, changed: boolean, status: TaskStatus, id: string): Promise<Task> {
    const task = await reading(namespace).get(id)
    if (changed) taskNews.statusChanged(status, task.id, task)
    return task
  }

  return (namespace) => ({
    async cancel(id) {
      const [outcome] = await cancelAll(context, namespace, [toTaskId(id)])
      if (outcome?.kind === 'not-found') throw new TaskyardError('task_not_found', { id, namespace })
      if (outcome?.kind === 'ended') throw new TaskyardError('not_cancellable', { id, status: outcome.status })
      return after(namespace, outcome?.kind === 'cancelled', 'cancelled', id)
    },
    async retry(id) {
      const [outcome] = await store.tasks.retry({ namespace, taskIds: [toTaskId(id)] })
      if (outcome?.kind === 'not-found') throw new TaskyardError('task_not_found', { id, namespace })
      if (outcome?.kind === 'not-retryable') throw new TaskyardError('not_retryable', { id, status: outcome.status })
      return after(namespace, outcome?.kind === 'retried', 'queued', id)
    },
    async cancelMatching(filter, options = {}) {
      return walk(namespace, filter, options, {
        operation: 'cancel',
        statuses: statusesToWalk(namespace, filter, CANCELLABLE),
        quietPasses: QUIET_PASSES,
        wouldChange: ({ cancelRequestedAt }) => cancelRequestedAt === null,
        wants: ({ cancelRequestedAt }, isFirstPass) => isFirstPass || cancelRequestedAt === null,
        async act(tasks) {
          const taskIds = tasks.map(({ id }) => id)
          const outcomes = await cancelAll(context, namespace, taskIds)
          const cancelled = tasks.filter((_, i) => outcomes[i]?.kind === 'cancelled')
          for (const task of cancelled) taskNews.statusChanged('cancelled', task.id, task)
          return outcomes.filter((outcome, i) => isNewlyCancelled(outcome, tasks[i] as Task)).length
        },
      })
    },
    async retryMatching(filter, options = {}) {
      const statuses = statusesToWalk(namespace, filter, RETRYABLE).filter(isRetryable)
      return walk(namespace, filter, options, {
        operation: 'retry',
        statuses,
        // What fails again is not retried again.
        ...OVER_ENDED,
        async act(tasks) {
          const outcomes = await store.tasks.retry({ namespace, taskIds: tasks.map(({ id }) => id), statuses })
          const retried = tasks.filter((_, i) => outcomes[i]?.kind === 'retried')
          for (const task of retried) taskNews.statusChanged('queued', task.id, task)
          return retried.length
        },
      })
    },
  })
}

function isRetryable(status: TaskStatus): status is RetryableStatus {
  return (RETRYABLE_STATUSES as readonly TaskStatus[]).includes(status)
}

async function cancelAll({ store, news, taskNews }: EngineContext, namespace: string, taskIds: readonly string[]) {
  const outcomes = await store.tasks.cancel({ namespace, taskIds })
  outcomes.forEach((outcome, i) => {
    if (outcome.kind !== 'requested') return
    const taskId = taskIds[i] as string
    news.publish({ kind: 'cancel-requested', namespace, taskId, workerId: outcome.workerId })
    taskNews.recorded(namespace, taskId)
  })
  return outcomes
}

/** A task that starts between the look at it and its cancel is asked to stop, and met again among the running ones. */
function isNewlyCancelled({ kind }: CancelOutcome, found: Task): boolean {
  return kind === 'cancelled' || (kind === 'requested' && found.cancelRequestedAt === null)
}
