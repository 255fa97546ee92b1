import { workerData } from 'node:worker_threads'
import { loadThreadModule, type ThreadModules } from '@taskyard/core/threads'

// What the threads of a bundled program run: this file, bundled as `taskyard-threads.js` beside the program.

const MODULES: ThreadModules = {
  'worker/heartbeat-thread': () => import('@taskyard/worker/heartbeat-thread'),
  'client/lease-extender': () => import('@taskyard/client/lease-extender'),
  'taskyard/embedded-lease-extender': () => import('./embedded-lease-extender.ts'),
  'store-sqlite/sqlite-thread': () => import('@taskyard/store-sqlite/sqlite-thread'),
  'store-sqlite/lease-extender': () => import('@taskyard/store-sqlite/lease-extender'),
  'store-postgres/lease-extender': () => import('@taskyard/store-postgres/lease-extender'),
  'store-redis/lease-extender': () => import('@taskyard/store-redis/lease-extender'),
  'store-mongodb/lease-extender': () => import('@taskyard/store-mongodb/lease-extender'),
}

export const { openLeaseExtender } = await loadThreadModule(MODULES, import.meta.url, workerData)
