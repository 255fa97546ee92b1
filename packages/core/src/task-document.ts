import { fromJsonText, type JsonText } from './json.ts'
import type { LeasedTask, Task, TaskError, TaskStatus } from './task.ts'

/** What a task's document says whatever has become of it: times in RFC 3339, the payload as a JSON value. */
export interface TaskFields<Payload = unknown> {
  readonly id: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  readonly priority: number
  readonly payload: Payload
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  readonly progress: unknown
  readonly tags: readonly string[]
  readonly runAt: string
  readonly createdAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly timeoutSeconds: number | null
  readonly idempotencyKey: string | null
  readonly workerId: string | null
}

/** What has become of a task: `status` tells whether there is a result, or an error. */
export type TaskState<Result = unknown> =
  | { readonly status: 'succeeded'; readonly result: StoredResult<Result>; readonly error: null }
  | { readonly status: 'failed'; readonly result: null; readonly error: TaskError }
  | {
      readonly status: Exclude<TaskStatus, 'succeeded' | 'failed'>
      readonly result: null
      /** Of the attempt before. */
      readonly error: TaskError | null
    }

/** A handler that returns nothing gives the result `null`. */
export type StoredResult<Result> = undefined extends Result
  ? // biome-ignore lint/suspicious/noConfusingVoidType: what a function without a return gives
    Exclude<Result, undefined | void> | null
  : Result

/**
 * A task as the HTTP API and the libraries show it. `if (task.status === 'succeeded')` narrows `result` to the handler's
 * type, and `'failed'` narrows `error` to one that is there.
 */
export type TaskDocument<Payload = unknown, Result = unknown> = TaskFields<Payload> & TaskState<Result>

/** The document of a task that a worker runs. */
export interface LeasedTaskDocument<Payload = unknown> extends TaskFields<Payload> {
  readonly status: 'running'
  readonly result: null
  readonly error: TaskError | null
  readonly lease: { readonly token: number; readonly expiresAt: string }
}

/** The document of a stored task, for code in the same process. */
export function toTaskDocument(task: Task): TaskDocument {
  // Which status goes with which result and error is the stores' to keep.
  return {
    id: task.id,
    namespace: task.namespace,
    queue: task.queue,
    type: task.type,
    status: task.status,
    priority: task.priority,
    payload: fromJsonText(task.payload),
    result: valueOrNull(task.result),
    error: task.error,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    crashes: task.crashes,
    progress: valueOrNull(task.progress),
    tags: task.tags,
    runAt: rfc3339(task.runAt),
    createdAt: rfc3339(task.createdAt),
    startedAt: rfc3339OrNull(task.startedAt),
    finishedAt: rfc3339OrNull(task.finishedAt),
    timeoutSeconds: task.timeoutSeconds,
    idempotencyKey: task.idempotencyKey,
    workerId: task.workerId,
  } as TaskDocument
}

/** The document of a task that a claim gave out: the task's, with its lease. */
export function toLeasedTaskDocument(task: LeasedTask): LeasedTaskDocument {
  const document = toTaskDocument(task) as { -readonly [Key in keyof LeasedTaskDocument]: LeasedTaskDocument[Key] }
  document.lease = { token: task.lease.token, expiresAt: rfc3339(task.lease.expiresAt) }
  return document
}

/** The document as JSON text, with payload, result and progress spliced in unparsed: exactly as they were sent. */
export function taskDocumentText(task: Task): JsonText {
  return `${openDocumentText(task)}}` as JsonText
}

/** The same of a leased task, with its lease. */
export function leasedTaskDocumentText(task: LeasedTask): JsonText {
  const expiresAt = rfc3339(task.lease.expiresAt)
  return `${openDocumentText(task)},"lease":{"token":${task.lease.token},"expiresAt":"${expiresAt}"}}` as JsonText
}

// Names are checked at submission to need no escaping in JSON; free text goes through JSON.stringify.
function openDocumentText(task: Task): string {
  return (
    `{"id":"${task.id}","namespace":"${task.namespace}","queue":"${task.queue}","type":"${task.type}"` +
    `,"status":"${task.status}","priority":${task.priority},"payload":${task.payload},"result":${task.result}` +
    `,"error":${task.error === null ? 'null' : JSON.stringify(task.error)},"attempt":${task.attempt}` +
    `,"maxAttempts":${task.maxAttempts},"crashes":${task.crashes},"progress":${task.progress}` +
    `,"tags":${task.tags.length === 0 ? '[]' : JSON.stringify(task.tags)},"runAt":"${rfc3339(task.runAt)}"` +
    `,"createdAt":"${rfc3339(task.createdAt)}","startedAt":${quotedOrNull(task.startedAt)}` +
    `,"finishedAt":${quotedOrNull(task.finishedAt)},"timeoutSeconds":${task.timeoutSeconds}` +
    `,"idempotencyKey":${task.idempotencyKey === null ? 'null' : JSON.stringify(task.idempotencyKey)}` +
    `,"workerId":${task.workerId === null ? 'null' : JSON.stringify(task.workerId)}`
  )
}

function valueOrNull(text: JsonText | null): unknown {
  return text === null ? null : fromJsonText(text)
}

// Tasks of a batch share most of their times, and formatting one costs more than the rest of a document: the last
// texts are kept, each in the slot of its time.
const RECENT_TIMES = 256
const recentTimes: { milliseconds: number; text: string }[] = []

function rfc3339(milliseconds: number): string {
  const slot = milliseconds % RECENT_TIMES
  const recent = recentTimes[slot]
  if (recent?.milliseconds === milliseconds) return recent.text
  const text = new Date(milliseconds).toISOString()
  recentTimes[slot] = { milliseconds, text }
  return text
}

function rfc3339OrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : rfc3339(milliseconds)
}

function quotedOrNull(milliseconds: number | null): string {
  return milliseconds === null ? 'null' : `"${rfc3339(milliseconds)}"`
}
