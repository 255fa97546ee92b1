import { cancel, retry } from './cancel-and-retry.ts'
import { claim } from './claim.ts'
import { deleteTasks } from './delete.ts'
import { enqueue } from './enqueue.ts'
import { find } from './find.ts'
import { probe } from './health.ts'
import { history } from './history.ts'
import { endLeases, extend, record } from './leases.ts'
import { list } from './list.ts'
import { takeBackCrashes } from './lone-crashes.ts'
import { position, readyLanes } from './position.ts'
import { beat, claimers, holders } from './presence.ts'
import { counts, pause } from './queues.ts'
import { settle } from './settle.ts'
import { sweep } from './sweep.ts'
import { declareTypes, listTypes } from './type-defaults.ts'

/** What the store's thread can be asked. Each runs inside the shared transaction and may be undone and run again. */
export const OPERATIONS = {
  enqueue,
  claim,
  extend,
  settle,
  record,
  cancel,
  retry,
  delete: deleteTasks,
  find,
  list,
  history,
  counts,
  position,
  readyLanes,
  pause,
  declareTypes,
  listTypes,
  beat,
  holders,
  claimers,
  endLeases,
  takeBackCrashes,
  sweep,
  probe,
} as const

export type Operations = typeof OPERATIONS
export type OperationName = keyof Operations

/** Those that write nothing: they are answered as well when the file is no longer in its place. */
export const READS: ReadonlySet<OperationName> = new Set([
  'find',
  'list',
  'history',
  'counts',
  'position',
  'readyLanes',
  'holders',
  'claimers',
  'listTypes',
  'beat',
])
