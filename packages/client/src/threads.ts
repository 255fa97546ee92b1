import { workerData } from 'node:worker_threads'
import { loadThreadModule, type ThreadModules } from '@taskyard/core/threads'

// What the threads of a bundled program run: this file, bundled as `taskyard-threads.js` beside the program.

const MODULES: ThreadModules = {
  'worker/heartbeat-thread': () => import('@taskyard/worker/heartbeat-thread'),
  'client/lease-extender': () => import('./lease-extender.ts'),
}

export const { openLeaseExtender } = await loadThreadModule(MODULES, import.meta.url, workerData)
