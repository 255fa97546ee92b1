import { type CancelOutcome, type RetryOutcome, type Task, TaskyardError } from '@taskyard/core'
import { assertFilter, createBulkWalks, isOfEnded, statusesOf } from './bulk.ts'
import { toTaskId } from './check-submission.ts'
import type { Engine } from './engine.ts'
import type { Parts } from './parts.ts'
import type { Reading } from './read.ts'

/**
 * A task that fails and is tried again can go round behind a walk over the states. It cannot behind several at once, each
 * of them over in milliseconds when there is nothing left.
 */
const QUIET_PASSES = 6

type Steering = Pick<Engine, 'cancel' | 'retry' | 'cancelMatching' | 'retryMatching'>

/** Cancel and retry, by id and by filter. */
export function createSteering(parts: Parts, reading: Reading): Steering {
  const { store, news } = parts
  const walk = createBulkWalks(parts)

  async function cancelAll(taskIds: readonly string[]) {
    const outcomes = await store.tasks.cancel({ taskIds })
    outcomes.forEach((outcome, i) => {
      const taskId = taskIds[i] as string
      if (outcome.kind === 'requested') news.publish({ kind: 'cancel-requested', taskId, workerId: outcome.workerId })
      if (outcome.kind === 'cancelled') news.publish({ kind: 'changed', taskId, terminal: true })
    })
    return outcomes
  }

  async function retryAll(taskIds: readonly string[]): Promise<readonly RetryOutcome[]> {
    const outcomes = await store.tasks.retry({ taskIds })
    outcomes.forEach((outcome, i) => {
      if (outcome.kind === 'retried') news.publish({ kind: 'changed', taskId: taskIds[i] as string, terminal: false })
    })
    return outcomes
  }

  return {
    async cancel(id) {
      const [outcome] = await cancelAll([toTaskId(id)])
      if (outcome?.kind === 'not-found') throw new TaskyardError('task_not_found', { id })
      if (outcome?.kind === 'ended') throw new TaskyardError('not_cancellable', { id, status: outcome.status })
      return reading.get(id)
    },
    async retry(id) {
      const [outcome] = await retryAll([toTaskId(id)])
      if (outcome?.kind === 'not-found') throw new TaskyardError('task_not_found', { id })
      if (outcome?.kind === 'not-retryable') throw new TaskyardError('not_retryable', { id, status: outcome.status })
      return reading.get(id)
    },
    async cancelMatching(filter, options = {}) {
      assertFilter(filter)
      if (isOfEnded(filter)) return { matched: 0, cursor: null }
      return walk(filter, options, {
        statuses: statusesOf(filter, ['scheduled', 'queued', 'blocked', 'running']),
        quietPasses: QUIET_PASSES,
        wants: ({ cancelRequestedAt }, isFirstPass) => isFirstPass || cancelRequestedAt === null,
        async act(tasks) {
          const outcomes = await cancelAll(tasks.map(({ id }) => id))
          return outcomes.filter((outcome, i) => isNewlyCancelled(outcome, tasks[i] as Task)).length
        },
      })
    },
    async retryMatching(filter, options = {}) {
      return walk(filter, options, {
        statuses: statusesOf(filter, ['failed']),
        // What has ended stays where it is until it is retried, and what fails again is not retried again.
        quietPasses: 0,
        wants: () => true,
        async act(tasks) {
          const outcomes = await retryAll(tasks.map(({ id }) => id))
          return outcomes.filter(({ kind }) => kind === 'retried').length
        },
      })
    },
  }
}

/** A task that starts between the look at it and its cancel is asked to stop, and met again among the running ones. */
function isNewlyCancelled({ kind }: CancelOutcome, found: Task): boolean {
  return kind === 'cancelled' || (kind === 'requested' && found.cancelRequestedAt === null)
}
