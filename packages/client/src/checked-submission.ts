import {
  faultsOfTaskOptions,
  isName,
  type JsonText,
  LIMITS,
  losslessJson,
  nameRule,
  nestsDeeperThan,
  nounOf,
  parseRfc3339,
  TaskyardError,
  type Violation,
} from '@taskyard/core'
import { assertObject, invalid, type Names, unknownNames } from './refusals.ts'
import type { SubmitOptions, TransactionOptions } from './taskyard-api.ts'

/** Of one task of a batch. */
export const SUBMIT_OPTIONS: Names<SubmitOptions> = {
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
/** Type and payload are taken out before: a name that is not known may have been meant for them. */
const BATCH_TASK = { type: true, payload: true, ...SUBMIT_OPTIONS } as const
const TRANSACTION: Names<TransactionOptions> = { tx: true }
const SUBMIT: Names<SubmitOptions & TransactionOptions> = { ...SUBMIT_OPTIONS, ...TRANSACTION }

/** One task as a caller has said it, which nothing changes any more that becomes of the caller's objects. */
export interface CheckedSubmission {
  readonly type: string
  readonly payload: JsonText
  readonly options: Readonly<Omit<SubmitOptions, 'runAt'>>
  /** Milliseconds since the epoch. */
  readonly runAt: number | undefined
  readonly tx: unknown
}

/**
 * Whether the task and each option is what it has to be, so that no process, nor the way to one, makes something else of it.
 * @param at JSON Pointer of the submission within its call, such as `/tasks/3`
 * @throws TaskyardError invalid_request with all that is wrong; too_deep
 */
export function checkedSubmission(type: unknown, payload: unknown, given: unknown = {}, at = ''): CheckedSubmission {
  assertObject(given, 'the options of a submission')
  const wrong: Violation[] = [...unknownNames(given, at === '' ? SUBMIT : BATCH_TASK)]
  if (!isName(type)) wrong.push({ path: '/type', message: nameRule('type') })
  const text = payloadText(payload, wrong)
  const { runAt, tx, ...options } = ownOptions(given as SubmitOptions & TransactionOptions)
  wrong.push(...faultsOfTaskOptions(options))
  const runAtMs = runAt === undefined ? undefined : timeIn(runAt, '/runAt', wrong)
  if (runAt !== undefined && options.delaySeconds !== undefined)
    wrong.push({ path: '/runAt', message: 'not together with delaySeconds' })
  if (wrong.length > 0) throw invalid(wrong.map(({ path, message }) => ({ path: at + path, message })))
  assertDepth(text, at)
  return { type: type as string, payload: text, options, runAt: runAtMs, tx }
}

/** Those of a batch. @throws TaskyardError invalid_request, too_deep */
export function checkedSubmissions(tasks: unknown, options: unknown = {}): readonly CheckedSubmission[] {
  if (!Array.isArray(tasks)) {
    throw new TaskyardError('invalid_request', { reason: `submitMany takes an array of tasks, not ${nounOf(tasks)}` })
  }
  assertObject(options, 'the options of submitMany')
  const unknown = unknownNames(options, TRANSACTION)
  if (unknown.length > 0) throw invalid(unknown)
  if (tasks.length === 0) throw new TaskyardError('invalid_request', { reason: 'the batch is empty' })
  return tasks.map((task: unknown, i) => {
    assertObject(task, `/tasks/${i}`)
    const { type, payload, ...own } = task as Readonly<Record<string, unknown>>
    return checkedSubmission(type, payload, own, `/tasks/${i}`)
  })
}

/** Milliseconds since the epoch of a `Date` or a text in RFC 3339. */
export function timeIn(time: unknown, path: string, wrong: Violation[]): number | undefined {
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : time
  const ms = typeof text === 'string' ? parseRfc3339(text) : null
  if (ms !== null) return ms
  wrong.push({ path, message: 'a time in RFC 3339, such as 2030-01-31T12:00:00Z' })
  return undefined
}

/** What is `undefined` is left out, as in JSON. */
function ownOptions<Options extends SubmitOptions>({ tags, backoff, ...options }: Options): Options {
  return {
    ...withoutUndefined(options),
    ...(tags !== undefined && { tags: Array.isArray(tags) ? [...tags] : tags }),
    ...(backoff !== undefined && { backoff: isObject(backoff) ? withoutUndefined({ ...backoff }) : backoff }),
  } as Options
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** @param own an object that nobody else has */
function withoutUndefined<Value extends object>(own: Value): Value {
  for (const name in own) if (own[name] === undefined) delete own[name]
  return own
}

/** The text of a payload, `null` of one that has none: what is wrong with it is added to `wrong`. */
function payloadText(payload: unknown, wrong: Violation[]): JsonText {
  const json = losslessJson(payload)
  if (typeof json === 'string') return json
  wrong.push({ path: `/payload${json.path}`, message: json.message })
  return NULL
}

const NULL = 'null' as JsonText

/** As in the body of a request, in which it lies one level down, or three. */
function assertDepth(payload: JsonText, at: string): void {
  const room = LIMITS.jsonDepth - (at === '' ? 1 : 3)
  if (nestsDeeperThan(payload, room)) throw new TaskyardError('too_deep', { limit: LIMITS.jsonDepth })
}
