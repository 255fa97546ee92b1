import { LIMITS, type RetryOutcome, type TaskStatus, TaskyardError } from '@taskyard/core'
import { invalid, toTaskId } from './check-submission.ts'
import type { BulkFilter, Engine } from './engine.ts'
import type { Parts } from './parts.ts'
import { type Reading, toListParams } from './read.ts'

type Steering = Pick<Engine, 'cancel' | 'retry' | 'cancelMatching' | 'retryMatching'>

/** Cancel and retry, by id and by filter. */
export function createSteering(parts: Parts, reading: Reading): Steering {
  const { store, bus } = parts

  async function cancelAll(taskIds: readonly string[]) {
    const outcomes = await store.cancel({ taskIds })
    outcomes.forEach((outcome, i) => {
      const taskId = taskIds[i] as string
      if (outcome.kind === 'requested') bus.publish({ kind: 'cancel-requested', taskId, workerId: outcome.workerId })
      if (outcome.kind === 'cancelled') bus.publish({ kind: 'changed', taskId, terminal: true })
    })
    return outcomes
  }

  async function retryAll(taskIds: readonly string[]): Promise<readonly RetryOutcome[]> {
    const outcomes = await store.retry({ taskIds })
    outcomes.forEach((outcome, i) => {
      if (outcome.kind === 'retried') bus.publish({ kind: 'changed', taskId: taskIds[i] as string, terminal: false })
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
    async cancelMatching(filter) {
      return forEachPage(filter, ['queued', 'scheduled', 'blocked', 'running'], async (taskIds) => {
        const outcomes = await cancelAll(taskIds)
        return outcomes.filter(({ kind }) => kind === 'cancelled' || kind === 'requested').length
      })
    },
    async retryMatching(filter) {
      return forEachPage(filter, ['failed'], async (taskIds) => {
        const outcomes = await retryAll(taskIds)
        return outcomes.filter(({ kind }) => kind === 'retried').length
      })
    },
  }

  // Pages go from newest to oldest, so what is changed on the way never comes up again.
  async function forEachPage(
    filter: BulkFilter,
    defaultStatuses: readonly TaskStatus[],
    act: (taskIds: readonly string[]) => Promise<number>,
  ): Promise<number> {
    assertSelective(filter)
    let matched = 0
    for (const status of filter.status ? [filter.status] : defaultStatuses) {
      let cursor: string | null = null
      do {
        const page = await store.list(toListParams({ ...filter, status, limit: LIMITS.listPage, cursor }))
        if (page.items.length > 0) matched += await act(page.items.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== null)
    }
    return matched
  }
}

function assertSelective({ namespace: _, ...fields }: BulkFilter): void {
  const isSet = Object.values(fields).some((value) => value !== undefined && value !== null)
  if (!isSet) throw invalid('', 'name at least one of queue, type, status, tag, createdAfter, createdBefore')
}
