import type { OpenedStore } from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import { cancel, deleteTasks, retry } from './cancel-and-retry-calls.ts'
import { claim } from './claim-call.ts'
import { enqueue } from './enqueue-call.ts'
import { endLeases, extend, record, takeBackCrashes } from './lease-calls.ts'
import { list } from './list-call.ts'
import { beat, claimers, holders } from './presence-calls.ts'
import { counts, pause, position, readyLanes } from './queue-calls.ts'
import { findStored, history } from './read-calls.ts'
import { settle } from './settle-call.ts'
import { sweep } from './sweep-call.ts'
import { declareTypes, listTypes } from './type-defaults-calls.ts'

/** The facets whose calls are scripts. */
export function facetsOf(
  context: CallContext,
): Pick<OpenedStore, 'tasks' | 'reads' | 'queues' | 'taskTypes' | 'presence' | 'upkeep'> {
  return {
    tasks: {
      enqueue: (params) => enqueue(context, params),
      claim: (params) => claim(context, params),
      extend: (params) => extend(context, params),
      settle: (params) => settle(context, params),
      record: (params) => record(context, params),
      cancel: (params) => cancel(context, params),
      retry: (params) => retry(context, params),
      delete: (params) => deleteTasks(context, params),
    },
    reads: {
      find: async (params) => (await findStored(context, params)).map((stored) => stored?.task ?? null),
      list: (params) => list(context, params),
      history: (params) => history(context, params),
      counts: (params) => counts(context, params),
      position: (params) => position(context, params),
      readyLanes: (params) => readyLanes(context, params),
    },
    queues: { pause: (params) => pause(context, params) },
    taskTypes: {
      declareTypes: (params) => declareTypes(context, params),
      listTypes: (params) => listTypes(context, params),
    },
    presence: {
      beat: (params) => beat(context, params),
      holders: (params) => holders(context, params),
      claimers: (params) => claimers(context, params),
      endLeases: (params) => endLeases(context, params),
      takeBackCrashes: (params) => takeBackCrashes(context, params),
    },
    upkeep: { sweep: (params) => sweep(context, params) },
  }
}
