import type {
  ListOptions,
  SubmitOptions,
  TaskEventDocument,
  TaskFilterOptions,
  WaitOptions,
  WorkerDocument,
} from '@taskyard/client'
import {
  fromJsonText,
  meantInstead,
  parseRfc3339,
  type TaskEvent,
  TaskyardError,
  toJsonText,
  unknownName,
  type Violation,
} from '@taskyard/core'
import type { BulkFilter, ListRequest, Submission, WorkerView } from '@taskyard/engine'

// What the library's callers say and see, in the engine's terms and back.

const SUBMIT_OPTIONS: Readonly<Record<keyof SubmitOptions, true>> = {
  queue: true,
  priority: true,
  runAt: true,
  delaySeconds: true,
  maxAttempts: true,
  backoff: true,
  timeoutSeconds: true,
  tags: true,
  idempotencyKey: true,
}

const FILTER_OPTIONS: Readonly<Record<keyof TaskFilterOptions, true>> = {
  status: true,
  type: true,
  queue: true,
  tag: true,
  createdAfter: true,
  createdBefore: true,
  errorCode: true,
}

/** Made at once and whole: what becomes of the caller's objects later changes nothing. */
export function toSubmission(type: string, payload: unknown, options: SubmitOptions = {}): Submission {
  assertKnown(options, SUBMIT_OPTIONS)
  const { runAt, ...rest } = options
  const submission = { ...rest, ...ownLists(rest), type, payload: payloadText(payload) }
  return runAt === undefined ? submission : { ...submission, runAt: toMs(runAt, '/runAt') }
}

function ownLists({ tags, backoff }: SubmitOptions): Pick<SubmitOptions, 'tags' | 'backoff'> {
  return {
    ...(Array.isArray(tags) ? { tags: [...tags] } : {}),
    ...(typeof backoff === 'object' && backoff !== null ? { backoff: { ...backoff } } : {}),
  }
}

/** @throws TaskyardError `invalid_request` for an option that is not known, or a time that is none */
export function toListRequest({ limit, cursor, ...filter }: ListOptions): ListRequest {
  return {
    ...toFilter(filter),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}

/** @throws TaskyardError `invalid_request` for an option that is not known, or a time that is none */
export function toFilter(options: TaskFilterOptions): BulkFilter {
  assertKnown(options, FILTER_OPTIONS)
  const { createdAfter, createdBefore, ...filter } = options
  return {
    ...filter,
    ...(createdAfter === undefined ? {} : { createdAfter: toMs(createdAfter, '/createdAfter') }),
    ...(createdBefore === undefined ? {} : { createdBefore: toMs(createdBefore, '/createdBefore') }),
  }
}

/** As over HTTP: times in RFC 3339, `data` as a value. */
export function toEventDocument({ at, data, ...event }: TaskEvent): TaskEventDocument {
  return { ...event, at: new Date(at).toISOString(), data: data === null ? null : fromJsonText(data) }
}

/** As over HTTP: times in RFC 3339. */
export function toWorkerDocument({ connectedAt, ...worker }: WorkerView): WorkerDocument {
  return { ...worker, connectedAt: connectedAt === null ? null : new Date(connectedAt).toISOString() }
}

/** When a wait is over, ms. */
export function endOf({ timeoutSeconds = Number.POSITIVE_INFINITY }: WaitOptions, now: number): number {
  return now + timeoutSeconds * 1000
}

function assertKnown<Options extends object>(options: Options, known: Readonly<Record<keyof Options, true>>): void {
  const name = unknownName(options, known)
  if (name === null) return
  const names = Object.keys(known)
  const instead = meantInstead(name, names)
  const hint = instead === null ? '' : `: ${instead}`
  throw malformed({ path: `/${name}`, message: `is not known here; known are ${names.join(', ')}${hint}` })
}

function payloadText(payload: unknown) {
  try {
    return toJsonText(payload)
  } catch (error) {
    throw malformed({ path: '/payload', message: `has no JSON form: ${(error as Error).message}` })
  }
}

/** As over HTTP: a `Date` counts as its text. */
function toMs(time: unknown, path: string): number {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : time
  const ms = typeof text === 'string' ? parseRfc3339(text) : null
  if (ms !== null) return ms
  throw malformed({ path, message: 'is not a time in RFC 3339, such as 2030-01-31T12:00:00Z' })
}

function malformed(violation: Violation): TaskyardError {
  const reason = `${violation.path} ${violation.message}`
  return new TaskyardError('invalid_request', { reason }, { violations: [violation] })
}
