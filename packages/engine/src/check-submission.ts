import {
  DEFAULT_BACKOFF,
  DEFAULTS,
  faultsOfTaskOptions,
  fitsBytes,
  type IdGenerator,
  isName,
  isNumberIn,
  isQueueOfClaim,
  LIMITS,
  type NewTask,
  nameRule,
  TaskyardError,
  type Violation,
  violationsOfBackoff,
} from '@taskyard/core'
import type { PayloadCheck, Submission } from './engine.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { KnownDefaults, KnownTypes } from './known-types.ts'

const NOTHING: readonly never[] = []
const AS_EVERY_TYPE: KnownDefaults = {}

export interface CheckContext {
  readonly ids: IdGenerator
  readonly checkPayload: PayloadCheck
  /** The types with defaults of their own. */
  readonly types: KnownTypes
}

/**
 * The task of a submission, with every default filled in.
 * @param at JSON Pointer of the submission within its request, such as `/tasks/3`
 * @throws TaskyardError invalid_request or invalid_payload, with every violation
 */
export function toNewTask(
  namespace: string,
  submission: Submission,
  at: string,
  { ids, checkPayload, types }: CheckContext,
): NewTask {
  const task = withDefaults(namespace, submission, ids, types.get(submission.type) ?? AS_EVERY_TYPE)
  const wrong = violationsOf(submission, task)
  if (wrong.length > 0) throw refusal('invalid_request', wrong, at)
  const payloadWrong = checkPayload(task.type, task.payload)
  if (payloadWrong.length > 0) {
    const violations = payloadWrong.map(({ path, message }) => ({ path: `/payload${path}`, message }))
    throw refusal('invalid_payload', violations, at, { type: task.type })
  }
  return task
}

function withDefaults(namespace: string, submission: Submission, ids: IdGenerator, ofType: KnownDefaults): NewTask {
  return {
    id: ids(),
    namespace,
    queue: submission.queue ?? DEFAULTS.queue,
    type: submission.type,
    payload: submission.payload,
    priority: submission.priority ?? DEFAULTS.priority,
    runAt: submission.runAt === undefined ? null : Math.round(submission.runAt),
    delayMs: submission.delaySeconds === undefined ? 0 : Math.round(submission.delaySeconds * 1000),
    maxAttempts: submission.maxAttempts ?? ofType.maxAttempts ?? DEFAULTS.maxAttempts,
    backoff:
      submission.backoff === undefined
        ? (ofType.backoff ?? DEFAULT_BACKOFF)
        : { ...DEFAULT_BACKOFF, ...submission.backoff },
    timeoutSeconds: submission.timeoutSeconds === undefined ? timeoutOf(ofType) : submission.timeoutSeconds,
    tags: submission.tags === undefined ? NOTHING : submission.tags,
    idempotency:
      submission.idempotencyKey === undefined
        ? null
        : { key: submission.idempotencyKey, fingerprint: fingerprintOf(submission) },
  }
}

function timeoutOf({ timeoutSeconds }: KnownDefaults): number | null {
  return timeoutSeconds === undefined ? DEFAULTS.timeoutSeconds : timeoutSeconds
}

function violationsOf(submission: Submission, task: NewTask): readonly Violation[] {
  const wrong = faultsOfTaskOptions(submission)
  const check = (holds: boolean, path: string, message: string) => {
    if (!holds) wrong.push({ path, message })
  }
  check(isName(task.type), '/type', nameRule('type'))
  check(task.runAt === null || isNumberIn(task.runAt, 0, 8.64e15), '/runAt', 'a time in RFC 3339, from 1970 on')
  check(
    submission.runAt === undefined || submission.delaySeconds === undefined,
    '/runAt',
    'not together with delaySeconds',
  )
  check(fitsBytes(task.payload, LIMITS.bodyBytes), '/payload', `at most ${LIMITS.bodyBytes} bytes of JSON`)
  return wrong.length > 0 || task.backoff === DEFAULT_BACKOFF ? wrong : violationsOfBackoff(task.backoff)
}

/** What a request is told of which several things may be wrong. @param at JSON Pointer of what was looked at, within the request */
export function refusal(
  code: 'invalid_request' | 'invalid_payload',
  violations: readonly Violation[],
  at: string,
  values: Record<string, unknown> = {},
): TaskyardError {
  const located = violations.map(({ path, message }) => ({ path: at + path, message }))
  const reason = located.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return new TaskyardError(code, { ...values, reason }, { violations: located })
}

/** @throws TaskyardError invalid_request */
export function assertName(name: unknown, path: string, what: string): void {
  if (!isName(name)) throw invalid(path, nameRule(what))
}

/** @throws TaskyardError invalid_request */
export function assertNames(names: readonly unknown[], path: string, what: string): void {
  if (names.length > LIMITS.batch) throw invalid(path, `at most ${LIMITS.batch}`)
  for (const [i, name] of names.entries()) assertName(name, `${path}/${i}`, what)
}

/**
 * Of a claim or a worker; `*` may be among them.
 * @throws TaskyardError invalid_request
 */
export function assertQueuesOfClaim(queues: readonly unknown[], path: string): void {
  if (queues.length > LIMITS.batch) throw invalid(path, `at most ${LIMITS.batch}`)
  const wrong = queues.findIndex((queue) => !isQueueOfClaim(queue))
  if (wrong !== -1) throw invalid(`${path}/${wrong}`, `${nameRule('queue')}, or is * for every queue`)
}

/** Ids come in whatever case a client's language prints; all that is kept and compared is in lower case. */
export function toTaskId(id: string): string {
  return String(id).toLowerCase()
}

/** What a request is told that breaks one rule in one place. */
export function invalid(path: string, message: string): TaskyardError {
  return new TaskyardError(
    'invalid_request',
    { reason: path === '' ? message : `${path}: ${message}` },
    { violations: [{ path, message }] },
  )
}
