export type { WorkerStats } from './dispatcher.ts'
export { startWorker, type StopOptions, type Worker } from './start-worker.ts'
export { type AbortCode, TaskAborted } from './task-aborted.ts'
export type { ReportError, WorkerOptions } from './worker-options.ts'
