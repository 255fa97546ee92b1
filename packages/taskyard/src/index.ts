import '@taskyard/core/require-node'

export type {
  AnyTaskOf,
  ClientOptions,
  HandlersOf,
  InfoDocument,
  ListOptions,
  MatchingOptions,
  NamespaceApi,
  Page,
  QueueDocument,
  ResultOfTask,
  Submission,
  SubmitAndWaitOptions,
  SubmitOptions,
  SubmittedTask,
  TaskEventDocument,
  TaskFilterOptions,
  TaskOf,
  TaskOptions,
  TaskyardApi,
  TransactionOptions,
  WaitOptions,
  WatchOptions,
  WorkerDocument,
} from '@taskyard/client'
export { Client, TaskResultError } from '@taskyard/client'
export {
  type Backoff,
  type Clock,
  type ErrorCode,
  type IdGenerator,
  type LeasedTaskDocument,
  type PayloadOf,
  type Random,
  type ResultOf,
  type Retention,
  type TaskContext,
  type TaskDocument,
  type TaskError,
  TaskFailure,
  type TaskHandler,
  type TaskHandlers,
  type TaskStatus,
  type TaskWaiting,
  TaskyardError,
  type WaitingReason,
} from '@taskyard/core'
export {
  type AbortCode,
  type AttemptEnd,
  TaskAborted,
  type Worker,
  type WorkerEvent,
  type WorkerEvents,
  type WorkerListener,
  type WorkerOptions,
} from '@taskyard/worker'
export type { OpenOptions } from './open-options.ts'
export type { EndEvent, TaskEndListener, TaskEnds } from './task-listeners.ts'
export { Taskyard } from './taskyard.ts'
