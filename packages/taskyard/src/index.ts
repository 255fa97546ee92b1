import '@taskyard/core/require-node'

// All that a worker and its caller need, wherever the tasks are.
export * from '@taskyard/client'
export type { IdGenerator, Retention } from '@taskyard/core'
export type { OpenOptions } from './open-options.ts'
export type { EndEvent, TaskEndListener, TaskEnds } from './task-listeners.ts'
export { Taskyard } from './taskyard.ts'
