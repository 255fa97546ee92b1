import type { OpenedStore, StoreCall } from '@taskyard/core'
import { type Calls, CLAIM, EVERYTHING, SWEEP, workersOf } from './test-bed.ts'

type Example = (store: OpenedStore, calls: Calls) => Promise<unknown>

/** One example of every call that asks the store, apart from `migrate`. */
export const EVERY_CALL: Readonly<Record<Exclude<StoreCall, 'migrate'>, Example>> = {
  enqueue: (store, calls) => store.tasks.enqueue({ submissions: [{ tasks: [calls.newTask()] }], queueDepth: 10 }),
  claim: (store) => store.tasks.claim(CLAIM),
  extend: (store, calls) =>
    store.tasks.extend({ namespace: 'default', leases: [{ taskId: calls.newTask().id, token: 1 }], leaseMs: 1_000 }),
  settle: (store) => store.tasks.settle({ namespace: 'default', settlements: [], claim: CLAIM }),
  record: (store, calls) =>
    store.tasks.record({
      namespace: 'default',
      entries: [{ taskId: calls.newTask().id, token: 1, progress: null, log: 'line' }],
    }),
  cancel: (store, calls) => store.tasks.cancel({ namespace: 'default', taskIds: [calls.newTask().id] }),
  retry: (store, calls) => store.tasks.retry({ namespace: 'default', taskIds: [calls.newTask().id] }),
  delete: (store, calls) => store.tasks.delete({ namespace: 'default', taskIds: [calls.newTask().id] }),
  find: (store, calls) => store.reads.find({ namespace: 'default', taskIds: [calls.newTask().id] }),
  list: (store) => store.reads.list({ ...EVERYTHING, limit: 10, cursor: null }),
  history: (store, calls) =>
    store.reads.history({ namespace: 'default', taskId: calls.newTask().id, after: 0, limit: 10 }),
  counts: (store) => store.reads.counts({ namespace: 'default', queue: null }),
  position: (store, calls) => store.reads.position({ namespace: 'default', taskId: calls.newTask().id, atMost: 10 }),
  readyLanes: (store) => store.reads.readyLanes({ namespace: 'default', limit: 10 }),
  pause: (store) => store.queues.pause({ namespace: 'default', queue: 'default', paused: true }),
  declareTypes: (store) =>
    store.taskTypes.declareTypes({ namespace: 'default', types: [{ type: 'test', defaults: null }], limit: 10 }),
  listTypes: (store) => store.taskTypes.listTypes({ namespace: 'default' }),
  beat: (store) => store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 1_000 }),
  holders: (store) => store.presence.holders({ namespace: 'default' }),
  claimers: (store) => store.presence.claimers({ namespace: 'default' }),
  endLeases: (store) => store.presence.endLeases({ workers: workersOf('worker-1') }),
  takeBackCrashes: (store, calls) =>
    store.presence.takeBackCrashes({ namespace: 'default', leases: [{ taskId: calls.newTask().id, token: 1 }] }),
  sweep: (store) => store.upkeep.sweep(SWEEP),
}
