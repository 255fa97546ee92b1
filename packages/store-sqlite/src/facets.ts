import { JOINABLE_BELOW_TASKS, lanesReadyAtOnce, type OpenedStore, type ReadyLane, TaskyardError } from '@taskyard/core'
import { decodeCursor } from './cursor.ts'
import type { Operations } from './operations/index.ts'
import { enqueueOutcomes, enqueueRows, leasedTasks, settlementRow, settleResults, taskFromRow } from './wire.ts'

/** Runs an operation on the store's thread. */
export type OperationCall = <Name extends keyof Operations>(
  operation: Name,
  params: Parameters<Operations[Name]>[1],
) => Promise<ReturnType<Operations[Name]>>

const TRANSACTION =
  'SQLite belongs to Taskyard alone, no transaction of yours reaches it; a PostgreSQL store can join one'

/** The facets whose calls are operations. */
export function facetsOf(
  call: OperationCall,
  hintReady: (lanes: readonly ReadyLane[]) => void,
): Pick<OpenedStore, 'tasks' | 'reads' | 'queues' | 'taskTypes' | 'presence' | 'upkeep'> {
  return {
    tasks: {
      async enqueue(params) {
        if (params.tx !== undefined) throw new TaskyardError('transaction_unsupported', { reason: TRANSACTION })
        const answer = call('enqueue', enqueueRows(params))
        // A claim that is made now follows on the heels of these tasks, into the same transaction.
        hintReady(lanesReadyAtOnce(params.submissions, JOINABLE_BELOW_TASKS))
        return enqueueOutcomes(await answer, params)
      },
      claim: async (params) => leasedTasks(await call('claim', params)),
      extend: (params) => call('extend', params),
      async settle({ namespace, settlements, claim }) {
        const settled = await call('settle', { namespace, settlements: settlements.map(settlementRow), claim })
        return { results: settleResults(settled), tasks: settled.claimed === null ? [] : leasedTasks(settled.claimed) }
      },
      record: (params) => call('record', params),
      cancel: (params) => call('cancel', params),
      retry: (params) => call('retry', params),
      delete: (params) => call('delete', params),
    },
    reads: {
      find: async (params) => (await call('find', params)).map((row) => row && taskFromRow(row)),
      async list({ cursor, ...page }) {
        const below = cursor === null ? null : decodeCursor(cursor)
        const { rows, nextCursor } = await call('list', { ...page, below })
        return { items: rows.map(taskFromRow), nextCursor }
      },
      history: (params) => call('history', params),
      counts: (params) => call('counts', params),
      position: (params) => call('position', params),
      readyLanes: (params) => call('readyLanes', params),
    },
    queues: { pause: (params) => call('pause', params) },
    taskTypes: {
      declareTypes: (params) => call('declareTypes', params),
      listTypes: (params) => call('listTypes', params),
    },
    presence: {
      beat: (params) => call('beat', params),
      holders: (params) => call('holders', params),
      claimers: (params) => call('claimers', params),
      endLeases: (params) => call('endLeases', params),
      takeBackCrashes: (params) => call('takeBackCrashes', params),
    },
    upkeep: { sweep: (params) => call('sweep', params) },
  }
}
