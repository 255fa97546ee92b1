import type { TaskStore } from '@taskyard/core'
import { type Calls, CLAIM, EVERYTHING, SWEEP } from './scene.ts'

/** One example of every call of the port that asks the store, apart from `migrate` and `health`. */
export const EVERY_CALL: Readonly<Record<string, (store: TaskStore, scene: Calls) => Promise<unknown>>> = {
  enqueue: (store, scene) => store.enqueue({ submissions: [{ tasks: [scene.newTask()] }], queueDepth: 10 }),
  claim: (store) => store.claim(CLAIM),
  extend: (store, scene) => store.extend({ leases: [{ taskId: scene.newTask().id, token: 1 }], leaseMs: 1_000 }),
  settle: (store) => store.settle({ settlements: [], claim: CLAIM }),
  record: (store, scene) =>
    store.record({ entries: [{ taskId: scene.newTask().id, token: 1, progress: null, log: 'line' }] }),
  cancel: (store, scene) => store.cancel({ taskIds: [scene.newTask().id] }),
  retry: (store, scene) => store.retry({ taskIds: [scene.newTask().id] }),
  find: (store, scene) => store.find({ taskIds: [scene.newTask().id] }),
  list: (store) => store.list({ ...EVERYTHING, limit: 10, cursor: null }),
  history: (store, scene) => store.history({ taskId: scene.newTask().id, after: 0, limit: 10 }),
  counts: (store) => store.counts({ namespace: 'default', queue: null }),
  pause: (store) => store.pause({ namespace: 'default', queue: 'default', paused: true }),
  beat: (store) => store.beat({ nodeId: 'node-1', workerIds: [], ttlMs: 1_000 }),
  holders: (store) => store.holders(),
  endLeases: (store) => store.endLeases({ workerIds: ['worker-1'] }),
  takeBackCrashes: (store, scene) => store.takeBackCrashes({ leases: [{ taskId: scene.newTask().id, token: 1 }] }),
  sweep: (store) => store.sweep(SWEEP),
}
