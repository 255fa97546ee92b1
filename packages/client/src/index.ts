export { Client, type ClientOptions } from './client.ts'
export type { InfoDocument, QueueDocument, TaskEventDocument, WorkerDocument } from './documents.ts'
export type {
  AnyTaskOf,
  ListOptions,
  MatchingOptions,
  Page,
  Submission,
  SubmitOptions,
  TaskFilterOptions,
  TaskOf,
  TaskOptions,
  TaskyardApi,
  TransactionOptions,
  TypeOf,
  WaitOptions,
  WatchOptions,
} from './taskyard-api.ts'
