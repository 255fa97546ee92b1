import '@taskyard/core/require-node'

export { isReason, type TaskWaiting, type WaitingCode, type WaitingReason, type WaitingReasonOf } from '@taskyard/core'
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
