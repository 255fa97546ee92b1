import { type OpenedStore, TaskyardError } from '@taskyard/core'
import type { Database } from './database.ts'
import { claimKey } from './documents.ts'
import * as operations from './operations/index.ts'
import { createTurns } from './turns.ts'

/** Runs a call of the store, with the store's time. */
export type StoreCall = <Reply>(run: (now: number) => Promise<Reply>) => Promise<Reply>

const TRANSACTION = 'a MongoDB store does not join transactions of yours; a PostgreSQL store can'

/** The facets whose calls are operations. */
export function facetsOf(
  database: Database,
  call: StoreCall,
): Pick<OpenedStore, 'tasks' | 'reads' | 'queues' | 'taskTypes' | 'presence' | 'upkeep'> {
  // A claim that is repeated while it is under way waits for what it gives; a declaration for the one before it.
  const turns = createTurns()
  return {
    tasks: {
      enqueue: (params) =>
        call((now) => {
          if (params.tx !== undefined) throw new TaskyardError('transaction_unsupported', { reason: TRANSACTION })
          return operations.enqueue(database, params, now)
        }),
      claim: (params) => turns.take(claimKey(params), () => call((now) => operations.claim(database, params, now))),
      extend: (params) => call((now) => operations.extend(database, params, now)),
      settle(params) {
        const key = params.claim === null ? null : claimKey(params.claim)
        return turns.take(key, () => call((now) => operations.settle(database, params, now)))
      },
      record: (params) => call((now) => operations.record(database, params, now)),
      cancel: (params) => call((now) => operations.cancel(database, params, now)),
      retry: (params) => call((now) => operations.retry(database, params, now)),
      delete: (params) => call((now) => operations.deleteTasks(database, params, now)),
    },
    reads: {
      find: (params) => call((now) => operations.find(database, params, now)),
      list: (params) => call((now) => operations.list(database, params, now)),
      history: (params) => call((now) => operations.history(database, params, now)),
      counts: (params) => call((now) => operations.counts(database, params, now)),
      position: (params) => call((now) => operations.position(database, params, now)),
      readyLanes: (params) => call((now) => operations.readyLanes(database, params, now)),
    },
    queues: { pause: (params) => call(() => operations.pause(database, params)) },
    taskTypes: {
      declareTypes: (params) =>
        turns.take(`types ${params.namespace}`, () => call(() => operations.declareTypes(database, params))),
      listTypes: (params) => call(() => operations.listTypes(database, params)),
    },
    presence: {
      beat: (params) => call((now) => operations.beat(database, params, now)),
      holders: (params) => call((now) => operations.holders(database, params, now)),
      claimers: (params) => call((now) => operations.claimers(database, params, now)),
      endLeases: (params) => call((now) => operations.endLeases(database, params, now)),
      takeBackCrashes: (params) => call(() => operations.takeBackCrashes(database, params)),
    },
    upkeep: { sweep: (params) => call((now) => operations.sweep(database, params, now)) },
  }
}
