import { isTerminal, TaskyardError, TERMINAL_STATUSES } from '@taskyard/core'
import { createBulkWalks, OVER_ENDED, statusesToWalk } from './bulk.ts'
import type { BulkFilter } from './bulk-calls.ts'
import { invalid, toTaskId } from './check-submission.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import { statusesOf } from './read.ts'

const ENDED = { possible: TERMINAL_STATUSES, usual: TERMINAL_STATUSES } as const

/** The removal of ended tasks, by id and by filter. */
export function createDeletion(context: EngineContext): InNamespace<Pick<UseCases, 'delete' | 'deleteMatching'>> {
  const { store } = context
  const walk = createBulkWalks(context)

  return (namespace) => ({
    async delete(id) {
      const [outcome] = await store.tasks.delete({ namespace, taskIds: [toTaskId(id)] })
      if (outcome?.kind === 'not-found') throw new TaskyardError('task_not_found', { id, namespace })
      if (outcome?.kind === 'kept') throw new TaskyardError('not_deletable', { id, status: outcome.status })
    },
    async deleteMatching(filter, options = {}) {
      const statuses = statusesToWalk(namespace, filter, ENDED).filter(isTerminal)
      assertOfEnded(filter)
      return walk(namespace, filter, options, {
        operation: 'delete',
        statuses,
        ...OVER_ENDED,
        async act(tasks) {
          const outcomes = await store.tasks.delete({ namespace, taskIds: tasks.map(({ id }) => id), statuses })
          return outcomes.filter(({ kind }) => kind === 'deleted').length
        },
      })
    },
  })
}

/** Somebody who names queued tasks too may believe that they go as well. */
function assertOfEnded(filter: BulkFilter): void {
  if (statusesOf(filter)?.every(isTerminal) === false)
    throw invalid('/status', `only tasks that have ended can be deleted: ${TERMINAL_STATUSES.join(', ')}`)
}
