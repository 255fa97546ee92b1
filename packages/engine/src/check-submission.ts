import {
  type Backoff,
  DEFAULT_BACKOFF,
  DEFAULTS,
  type IdGenerator,
  LIMITS,
  NAME_PATTERN,
  type NewTask,
  TaskyardError,
  type Violation,
} from '@taskyard/core'
import type { PayloadCheck, Submission } from './engine.ts'
import { fingerprintOf } from './fingerprint.ts'

const NAME = new RegExp(NAME_PATTERN)
const NOTHING: readonly never[] = []

/** Printable ASCII: an idempotency key travels in a header. */
const KEY = /^[\x21-\x7e]{1,255}$/

export interface CheckContext {
  readonly ids: IdGenerator
  readonly checkPayload: PayloadCheck
}

/**
 * The task of a submission, with every default filled in.
 * @param at JSON Pointer of the submission within its request, such as `/tasks/3`
 * @throws TaskyardError invalid_request or invalid_payload, with every violation
 */
export function toNewTask(submission: Submission, at: string, { ids, checkPayload }: CheckContext): NewTask {
  const task = withDefaults(submission, ids)
  const wrong = violationsOf(submission, task)
  if (wrong.length > 0) throw refusal('invalid_request', wrong, at)
  const payloadWrong = checkPayload(task.type, task.payload)
  if (payloadWrong.length > 0) {
    const violations = payloadWrong.map(({ path, message }) => ({ path: `/payload${path}`, message }))
    throw refusal('invalid_payload', violations, at, { type: task.type })
  }
  return task
}

function withDefaults(submission: Submission, ids: IdGenerator): NewTask {
  return {
    id: ids(),
    namespace: submission.namespace ?? DEFAULTS.namespace,
    queue: submission.queue ?? DEFAULTS.queue,
    type: submission.type,
    payload: submission.payload,
    priority: submission.priority ?? DEFAULTS.priority,
    runAt: submission.runAt === undefined ? null : Math.round(submission.runAt),
    delayMs: submission.delaySeconds === undefined ? 0 : Math.round(submission.delaySeconds * 1000),
    maxAttempts: submission.maxAttempts ?? DEFAULTS.maxAttempts,
    backoff: submission.backoff === undefined ? DEFAULT_BACKOFF : { ...DEFAULT_BACKOFF, ...submission.backoff },
    timeoutSeconds: submission.timeoutSeconds === undefined ? DEFAULTS.timeoutSeconds : submission.timeoutSeconds,
    tags: submission.tags === undefined ? NOTHING : submission.tags,
    idempotency:
      submission.idempotencyKey === undefined
        ? null
        : { key: submission.idempotencyKey, fingerprint: fingerprintOf(submission) },
  }
}

function violationsOf(submission: Submission, task: NewTask): readonly Violation[] {
  const wrong: Violation[] = []
  const check = (holds: boolean, path: string, message: string) => {
    if (!holds) wrong.push({ path, message })
  }
  const { priority, maxAttempts, timeoutSeconds, tags, idempotency } = task
  check(isName(task.type), '/type', nameRule('type'))
  check(isName(task.queue), '/queue', nameRule('queue'))
  check(isName(task.namespace), '/namespace', nameRule('namespace'))
  check(isIntegerIn(priority, -LIMITS.priority, LIMITS.priority), '/priority', 'a whole number from -1000 to 1000')
  check(isIntegerIn(maxAttempts, 1, LIMITS.maxAttempts), '/maxAttempts', 'a whole number from 1 to 1000')
  check(
    timeoutSeconds === null || isNumberIn(timeoutSeconds, 0.001, LIMITS.timeoutSeconds),
    '/timeoutSeconds',
    `a number of seconds up to ${LIMITS.timeoutSeconds}, or null for no bound`,
  )
  check(
    isNumberIn(task.delayMs, 0, LIMITS.delaySeconds * 1000),
    '/delaySeconds',
    `a number of seconds from 0 to ${LIMITS.delaySeconds}`,
  )
  check(task.runAt === null || isNumberIn(task.runAt, 0, 8.64e15), '/runAt', 'a time in RFC 3339')
  check(
    submission.runAt === undefined || submission.delaySeconds === undefined,
    '/runAt',
    'not together with delaySeconds',
  )
  check(areTags(tags), '/tags', `at most ${LIMITS.tags} tags of 1 to ${LIMITS.tagLength} characters`)
  check(
    idempotency === null || KEY.test(idempotency.key),
    '/idempotencyKey',
    '1 to 255 printable ASCII characters, no spaces',
  )
  check(task.payload.length <= LIMITS.bodyBytes, '/payload', `at most ${LIMITS.bodyBytes} bytes of JSON`)
  if (task.backoff !== DEFAULT_BACKOFF) checkBackoff(task.backoff, check)
  return wrong.length === 0 ? NOTHING : wrong
}

function checkBackoff(backoff: Backoff, check: (holds: boolean, path: string, message: string) => void): void {
  const { kind, baseSeconds, factor, maxSeconds } = backoff
  check(
    kind === 'exponential' || kind === 'linear' || kind === 'fixed',
    '/backoff/kind',
    'exponential, linear or fixed',
  )
  check(isNumberIn(baseSeconds, 0, LIMITS.delaySeconds), '/backoff/baseSeconds', 'a number of seconds, at least 0')
  check(isNumberIn(factor, 0, 1000), '/backoff/factor', 'a number from 0 to 1000')
  check(isNumberIn(maxSeconds, 0, LIMITS.delaySeconds), '/backoff/maxSeconds', 'a number of seconds, at least 0')
}

export function isName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

export function nameRule(what: string): string {
  return `a ${what} has 1 to ${LIMITS.nameLength} letters, digits and . _ : -, starting with a letter or digit`
}

export function isIntegerIn(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && isNumberIn(value, least, most)
}

export function isNumberIn(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function areTags(tags: readonly string[]): boolean {
  if (tags.length === 0) return true
  return (
    tags.length <= LIMITS.tags && tags.every((tag) => isNumberIn(tag.length, 1, LIMITS.tagLength) && tag.isWellFormed())
  )
}

function refusal(
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
export function invalid(path: string, message: string): TaskyardError {
  return new TaskyardError('invalid_request', { reason: `${path}: ${message}` }, { violations: [{ path, message }] })
}
