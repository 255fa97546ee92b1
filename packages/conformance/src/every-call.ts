import type { OpenedStore, StoreCall } from '@taskyard/core'
import { type Calls, CLAIM, EVERYTHING, SWEEP, workersOf } from './scene.ts'

type Example = (store: OpenedStore, scene: Calls) => Promise<unknown>

/** One example of every call that asks the store, apart from `migrate`. */
export const EVERY_CALL: Readonly<Record<Exclude<StoreCall, 'migrate'>, Example>> = {
  enqueue: (store, scene) => store.tasks.enqueue({ submissions: [{ tasks: [scene.newTask()] }], queueDepth: 10 }),
  claim: (store) => store.tasks.claim(CLAIM),
  extend: (store, scene) =>
    store.tasks.extend({ namespace: 'default', leases: [{ taskId: scene.newTask().id, token: 1 }], leaseMs: 1_000 }),
  settle: (store) => store.tasks.settle({ namespace: 'default', settlements: [], claim: CLAIM }),
  record: (store, scene) =>
    store.tasks.record({
      namespace: 'default',
      entries: [{ taskId: scene.newTask().id, token: 1, progress: null, log: 'line' }],
    }),
  cancel: (store, scene) => store.tasks.cancel({ namespace: 'default', taskIds: [scene.newTask().id] }),
  retry: (store, scene) => store.tasks.retry({ namespace: 'default', taskIds: [scene.newTask().id] }),
  find: (store, scene) => store.reads.find({ namespace: 'default', taskIds: [scene.newTask().id] }),
  list: (store) => store.reads.list({ ...EVERYTHING, limit: 10, cursor: null }),
  history: (store, scene) =>
    store.reads.history({ namespace: 'default', taskId: scene.newTask().id, after: 0, limit: 10 }),
  counts: (store) => store.reads.counts({ namespace: 'default', queue: null }),
  pause: (store) => store.queues.pause({ namespace: 'default', queue: 'default', paused: true }),
  beat: (store) => store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 1_000 }),
  holders: (store) => store.presence.holders(),
  endLeases: (store) => store.presence.endLeases({ workers: workersOf('worker-1') }),
  takeBackCrashes: (store, scene) =>
    store.presence.takeBackCrashes({ namespace: 'default', leases: [{ taskId: scene.newTask().id, token: 1 }] }),
  sweep: (store) => store.upkeep.sweep(SWEEP),
}
