import {
  FILTER_RULES,
  isIntegerIn,
  isName,
  isNumberIn,
  LIMITS,
  nameRule,
  nounOf,
  setDefaults,
  TaskyardError,
  type TypeDefaults,
  type TypeWithDefaults,
  type Violation,
  violationsOfDeclaration,
} from '@taskyard/core'
import { SUBMIT_OPTIONS, timeIn } from './checked-submission.ts'
import { assertObject, invalid, type Names, unknownNames } from './refusals.ts'
import type { WatchedTask } from './stuck-tasks.ts'
import type {
  ListOptions,
  MatchingOptions,
  SubmitAndWaitOptions,
  SubmitOptions,
  TaskFilterOptions,
  WaitOptions,
  WatchOptions,
} from './taskyard-api.ts'

const FILTER: Names<TaskFilterOptions> = {
  status: true,
  type: true,
  queue: true,
  tag: true,
  createdAfter: true,
  createdBefore: true,
  errorCode: true,
}
const LIST: Names<ListOptions> = { ...FILTER, limit: true, cursor: true }
const MATCHING: Names<MatchingOptions> = { dryRun: true, onProgress: true }
const INTEREST: Names<TaskInterest> = { type: true, queue: true, tag: true }
const WAIT: Names<WaitOptions> = { timeoutSeconds: true, signal: true }
const SUBMIT_AND_WAIT: Names<SubmitAndWaitOptions> = { ...SUBMIT_OPTIONS, waitSeconds: true, signal: true }
const WATCH: Names<WatchOptions> = { after: true, signal: true }

/** A filter whose times are milliseconds since the epoch; what is left out of it filters nothing. */
export interface CheckedFilter extends Omit<TaskFilterOptions, 'createdAfter' | 'createdBefore'> {
  readonly createdAfter?: number
  readonly createdBefore?: number
}

export interface CheckedList extends CheckedFilter, Pick<ListOptions, 'limit' | 'cursor'> {}

/** @throws TaskyardError invalid_request */
export function checkedList(options: unknown = {}): CheckedList {
  const { limit, cursor, ...filter } = known(options, LIST, 'the options of list')
  const wrong: Violation[] = []
  if (limit !== undefined && !isIntegerIn(limit, 1, LIMITS.listPage))
    wrong.push({ path: '/limit', message: `a whole number from 1 to ${LIMITS.listPage}` })
  if (cursor !== undefined && typeof cursor !== 'string')
    wrong.push({ path: '/cursor', message: 'the nextCursor of a page' })
  const checked = filterIn(filter, wrong)
  if (wrong.length > 0) throw invalid(wrong)
  return {
    ...checked,
    ...(limit === undefined ? {} : { limit: limit as number }),
    ...(cursor === undefined ? {} : { cursor: cursor as string }),
  }
}

/** The filter of an operation on all that matches, which wants at least one field. @throws TaskyardError invalid_request */
export function checkedMatching(filter: unknown, options: unknown = {}): CheckedFilter {
  const { dryRun, onProgress } = known(options, MATCHING, 'the options of an operation by filter')
  const wrong: Violation[] = []
  if (dryRun !== undefined && typeof dryRun !== 'boolean') wrong.push({ path: '/dryRun', message: 'true or false' })
  if (onProgress !== undefined && typeof onProgress !== 'function')
    wrong.push({ path: '/onProgress', message: 'a function' })
  const checked = filterIn(known(filter, FILTER, 'the filter'), wrong)
  if (wrong.length > 0) throw invalid(wrong)
  if (Object.keys(checked).length > 0) return checked
  throw new TaskyardError('invalid_request', { reason: `name at least one of ${Object.keys(FILTER).join(', ')}` })
}

/** Which tasks somebody wants to hear of; what is left out filters nothing. */
export type TaskInterest = Pick<TaskFilterOptions, 'type' | 'queue' | 'tag'>

/** @throws TaskyardError invalid_request */
export function checkedInterest(interest: unknown = {}): TaskInterest {
  const wrong: Violation[] = []
  const checked = filterIn(known<TaskInterest>(interest, INTEREST, 'the filter'), wrong)
  if (wrong.length > 0) throw invalid(wrong)
  return checked
}

/** @throws TaskyardError invalid_request */
export function checkedWait(options: unknown = {}): WaitOptions {
  const { timeoutSeconds, signal } = known(options, WAIT, 'the options of a wait')
  const wrong: Violation[] = []
  checkSpan(timeoutSeconds, '/timeoutSeconds', wrong)
  checkSignal(signal, wrong)
  if (wrong.length > 0) throw invalid(wrong)
  return options as WaitOptions
}

/**
 * The options of a submission and of the wait for its end.
 * @throws TaskyardError invalid_request; the reason of a signal that has aborted already
 */
export function checkedSubmitAndWait(options: unknown = {}): { submit: SubmitOptions; wait: WaitOptions } {
  const { waitSeconds, signal, ...submit } = known(options, SUBMIT_AND_WAIT, 'the options of submitAndWait')
  const wrong: Violation[] = []
  checkSpan(waitSeconds, '/waitSeconds', wrong)
  checkSignal(signal, wrong)
  if (wrong.length > 0) throw invalid(wrong)
  const wait = { timeoutSeconds: waitSeconds, signal } as WaitOptions
  wait.signal?.throwIfAborted()
  return { submit: submit as SubmitOptions, wait }
}

/** @throws TaskyardError invalid_request */
export function checkedWatch(options: unknown = {}): WatchOptions {
  const { after, signal } = known(options, WATCH, 'the options of watch')
  const wrong: Violation[] = []
  if (after !== undefined && !isIntegerIn(after, 0, Number.MAX_SAFE_INTEGER))
    wrong.push({ path: '/after', message: 'the n of an event, or 0' })
  checkSignal(signal, wrong)
  if (wrong.length > 0) throw invalid(wrong)
  return options as WatchOptions
}

/** A task given as itself, as what a batch answered for it, or by its id, as far as it is known. @throws TaskyardError invalid_request */
export function waitedFor(task: unknown, call: string): WatchedTask {
  const { id, type } = typeof task === 'object' && task !== null && 'id' in task ? (task as Given) : { id: task }
  if (typeof id === 'string') return typeof type === 'string' ? { id, type } : { id }
  throw new TaskyardError('invalid_request', { reason: `${call} takes a task or its id, not ${spokenNoun(task)}` })
}

interface Given {
  readonly id: unknown
  readonly type?: unknown
}

/** @throws TaskyardError invalid_request */
export function checkedId(id: unknown, call: string): string {
  if (typeof id === 'string') return id
  throw new TaskyardError('invalid_request', { reason: `${call} takes the id of a task, not ${spokenNoun(id)}` })
}

function spokenNoun(value: unknown): string {
  return value instanceof Promise ? 'a Promise; await it' : nounOf(value)
}

/** @throws TaskyardError invalid_request */
export function checkedQueue(queue: unknown): string {
  if (isName(queue)) return queue
  throw invalid([{ path: '/queue', message: nameRule('queue') }])
}

/** What a type is to get by default, as it is now. @throws TaskyardError invalid_request */
export function checkedDeclaration(type: unknown, defaults: unknown): TypeWithDefaults {
  const wrong = isName(type) ? [] : [{ path: '/type', message: nameRule('type') }]
  wrong.push(...violationsOfDeclaration(defaults))
  if (wrong.length > 0) throw invalid(wrong)
  return { type: type as string, defaults: setDefaults(defaults as TypeDefaults) }
}

/** @throws TaskyardError invalid_request */
export function checkedType(type: unknown): string {
  if (isName(type)) return type
  throw invalid([{ path: '/type', message: nameRule('type') }])
}

type Unchecked<Options extends object> = { readonly [Name in keyof Options]?: unknown }

function known<Options extends object>(given: unknown, names: Names<Options>, what: string): Unchecked<Options> {
  assertObject(given, what)
  const unknown = unknownNames(given, names)
  if (unknown.length > 0) throw invalid(unknown)
  return given
}

function filterIn(given: Unchecked<TaskFilterOptions>, wrong: Violation[]): CheckedFilter {
  const checked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!isRuled(name)) {
      checked[name] = timeIn(value, `/${name}`, wrong)
      continue
    }
    const fault = FILTER_RULES[name](value)
    if (fault !== null) wrong.push({ path: `/${name}`, message: fault })
    checked[name] = Array.isArray(value) ? [...value] : value
  }
  return checked
}

function isRuled(name: string): name is keyof typeof FILTER_RULES {
  return Object.hasOwn(FILTER_RULES, name)
}

function checkSpan(seconds: unknown, path: string, wrong: Violation[]): void {
  if (seconds !== undefined && !isNumberIn(seconds, 0, Number.POSITIVE_INFINITY))
    wrong.push({ path, message: 'a number of seconds, 0 or more' })
}

function checkSignal(signal: unknown, wrong: Violation[]): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    wrong.push({ path: '/signal', message: 'an AbortSignal' })
}
