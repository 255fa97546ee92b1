import '@taskyard/core/require-node'

export {
  type Backoff,
  type Clock,
  type ErrorCode,
  type HandlerWithDefaults,
  isReason,
  type LeasedTaskDocument,
  type PayloadOf,
  type Random,
  type ResultOf,
  type TaskContext,
  type TaskDocument,
  type TaskError,
  TaskFailure,
  type TaskHandler,
  type TaskHandlers,
  type TaskStatus,
  type TaskWaiting,
  TaskyardError,
  type TypeDefaults,
  type WaitingCode,
  type WaitingReason,
  type WaitingReasonOf,
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
export { Client } from './client.ts'
export type { ClientOptions } from './client-options.ts'
export type { InfoDocument, QueueDocument, TaskEventDocument, TaskTypeDocument, WorkerDocument } from './documents.ts'
export { TaskResultError } from './task-result.ts'
export type {
  AnyTaskOf,
  HandlersOf,
  ListOptions,
  MatchingOptions,
  NamespaceApi,
  Page,
  ResultOfTask,
  Submission,
  SubmitAndWaitOptions,
  SubmitOptions,
  SubmittedTask,
  TaskFilterOptions,
  TaskOf,
  TaskOptions,
  TaskyardApi,
  TransactionOptions,
  TypeOf,
  WaitOptions,
  WatchOptions,
} from './taskyard-api.ts'
