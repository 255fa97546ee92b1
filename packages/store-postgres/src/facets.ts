import { type OpenedStore, TaskyardError } from '@taskyard/core'
import { cancel, retry } from './operations/cancel-and-retry.ts'
import type { Claims } from './operations/claim.ts'
import { deleteTasks } from './operations/delete.ts'
import { enqueue } from './operations/enqueue.ts'
import { find } from './operations/find.ts'
import { history } from './operations/history.ts'
import { endLeases, extend, record } from './operations/leases.ts'
import { list } from './operations/list.ts'
import { takeBackCrashes } from './operations/lone-leases.ts'
import { position, readyLanes } from './operations/position.ts'
import { beat, claimers, holders } from './operations/presence.ts'
import type { QueueDepths } from './operations/queue-depths.ts'
import { counts, pause } from './operations/queues.ts'
import { settle } from './operations/settle.ts'
import type { Sweeping } from './operations/sweep.ts'
import { declareTypes, listTypes } from './operations/type-defaults.ts'
import type { StoreContext } from './store-context.ts'

/** What operations keep between calls. */
interface Kept {
  readonly claims: Claims
  readonly depths: QueueDepths
  readonly sweeping: Sweeping
}

/** The facets whose calls are operations. */
export function facetsOf(
  context: StoreContext,
  { claims, depths, sweeping }: Kept,
  isClosed: () => boolean,
): Pick<OpenedStore, 'tasks' | 'reads' | 'queues' | 'taskTypes' | 'presence' | 'upkeep'> {
  const whenOpen =
    <Params, Result>(operation: (params: Params) => Promise<Result>) =>
    async (params: Params): Promise<Result> => {
      if (isClosed()) throw new TaskyardError('store_unavailable', { reason: 'it is closed' })
      return operation(params)
    }
  return {
    tasks: {
      enqueue: whenOpen((params) => enqueue(context, claims, depths, params)),
      claim: whenOpen((params) => claims.claim(params)),
      extend: whenOpen((params) => extend(context, params)),
      settle: whenOpen((params) => settle(context, claims, params)),
      record: whenOpen((params) => record(context, params)),
      cancel: whenOpen((params) => cancel(context, params)),
      retry: whenOpen((params) => retry(context, params)),
      delete: whenOpen((params) => deleteTasks(context, params)),
    },
    reads: {
      find: whenOpen((params) => find(context, params)),
      list: whenOpen((params) => list(context, params)),
      history: whenOpen((params) => history(context, params)),
      counts: whenOpen((params) => counts(context, params)),
      position: whenOpen((params) => position(context, params)),
      readyLanes: whenOpen((params) => readyLanes(context, params)),
    },
    queues: { pause: whenOpen((params) => pause(context, params)) },
    taskTypes: {
      declareTypes: whenOpen((params) => declareTypes(context, params)),
      listTypes: whenOpen((params) => listTypes(context, params)),
    },
    presence: {
      beat: whenOpen((params) => beat(context, params)),
      holders: whenOpen((params) => holders(context, params)),
      claimers: whenOpen((params) => claimers(context, params)),
      endLeases: whenOpen((params) => endLeases(context, params)),
      takeBackCrashes: whenOpen((params) => takeBackCrashes(context, params)),
    },
    upkeep: { sweep: whenOpen((params) => sweeping.sweep(params)) },
  }
}
