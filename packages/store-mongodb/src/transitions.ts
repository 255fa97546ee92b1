import {
  afterFailure,
  afterLeaseEnd,
  type EndedLease,
  type HistoryRecord,
  type JsonText,
  poisonedError,
  type Settlement,
  type TaskError,
  type TaskEventKind,
  type TaskStatus,
  type TerminalStatus,
  timeoutError,
  toErrorText,
  type UnsettledLease,
} from '@taskyard/core'
import type { Filter, UpdateFilter } from 'mongodb'
import { backoffOf, type Counter, type LightTask, type StoredRecord, type TaskDocument } from './documents.ts'

/** One conditional update of one task: applied as a whole while `guard` holds, else not at all. */
export interface Transition {
  readonly task: LightTask
  readonly guard: Filter<TaskDocument>
  readonly update: UpdateFilter<TaskDocument>
  readonly to: TaskStatus
  /** When a task that goes on is due. */
  readonly runAt: number | null
  readonly counted: Readonly<Partial<Record<Counter, number>>>
}

/** Rough cost of a finished task's document and index entries beside its texts. Bytes. */
const DOCUMENT_OVERHEAD_BYTES = 600
/** Ends of attempts kept per task: beyond them only progress and the end itself are told. */
const MOST_RECORDS = 10_000

const WITHOUT_LEASE = {
  holder: '',
  claimed: '',
  expiresAt: '',
  deadlineAt: '',
  cancelRequestedAt: '',
  wakeAt: '',
} as const
/** A task that waits again: its history has the attempt. */
const WITHOUT_ATTEMPT = { ...WITHOUT_LEASE, workerId: '', startedAt: '', progress: '' } as const

type Fields = Partial<Record<keyof TaskDocument, unknown>>

/** The end that a worker reports. */
export function settle(task: LightTask, settlement: Settlement, now: number): Transition {
  const transition = settling(task, settlement, now)
  const settled = { outcome: settlement.outcome, wentTo: transition.to }
  const $set = { ...transition.update.$set, settled: { token: settlement.token, ...settled } }
  return { ...transition, update: { ...transition.update, $set } }
}

function settling(task: LightTask, settlement: Settlement, now: number): Transition {
  switch (settlement.outcome) {
    case 'succeeded':
      return finish(task, 'succeeded', now, { result: settlement.result })
    case 'cancelled':
      return finish(task, 'cancelled', now, {})
    case 'released':
      return whileItEndsAt(settlement.expiresAt, release(task, now))
    case 'failed':
      return fail(task, { ...settlement, isReported: true }, now)
  }
}

/** The task is done with, whether it ran or waited. */
export function finish(
  task: LightTask,
  to: TerminalStatus,
  now: number,
  { result = null, error = null }: { result?: JsonText | null; error?: TaskError | null },
  fields: Fields = {},
): Transition {
  const errorText = error === null ? null : toErrorText(error)
  const finishedBytes =
    DOCUMENT_OVERHEAD_BYTES + task.payloadBytes + Buffer.byteLength(result ?? '') + Buffer.byteLength(errorText ?? '')
  const set = { ...fields, state: to, finishedAt: now, finishedBytes, result, error: errorText }
  return {
    task,
    guard: guardOf(task),
    update: { $set: set, $unset: WITHOUT_LEASE } as UpdateFilter<TaskDocument>,
    to,
    runAt: null,
    counted: { ...leaving(task), [to]: 1, finishedTotal: 1, finishedBytes },
  }
}

// The attempt is given back, and so is the task's place in the line.
function release(task: LightTask, now: number): Transition {
  if (task.cancelRequestedAt !== undefined) return ifCancelUnchanged(task, finish(task, 'cancelled', now, {}))
  const settled = { outcome: 'released', wentTo: 'queued' } as const
  const record = { ...endOfAttempt(task, 'released', null, now), settled }
  const transition = goOn(task, { state: 'queued', attempt: task.attempt - 1 }, record)
  return ifCancelUnchanged(task, { ...transition, runAt: task.runAt })
}

export interface AttemptFailure {
  readonly error: TaskError
  readonly retryable: boolean
  readonly retryDelayMs: number | null
  readonly jitter: number
  /** By its worker; not so when its time ran out. */
  readonly isReported: boolean
}

/** Ends a failed attempt: the task is scheduled again, failed, or cancelled when that was asked for. */
export function fail(task: LightTask, failure: AttemptFailure, now: number): Transition {
  const { error } = failure
  const cancelRequested = task.cancelRequestedAt !== undefined
  const { attempt, maxAttempts } = task
  const next = afterFailure({ ...failure, attempt, maxAttempts, backoff: backoffOf(task), cancelRequested })
  if (next.status !== 'scheduled') return ifCancelUnchanged(task, finish(task, next.status, now, { error }))
  const runAt = now + next.delayMs
  const data = `{"error":${toErrorText(error)},"retryAt":"${new Date(runAt).toISOString()}"}`
  const state = next.delayMs > 0 ? 'scheduled' : 'queued'
  const settled = { outcome: 'failed', wentTo: state } as const
  const record = { ...endOfAttempt(task, 'retry-scheduled', data, now), ...(failure.isReported ? { settled } : {}) }
  const fields = { state, runAt, error: toErrorText(error) }
  return ifCancelUnchanged(task, { ...goOn(task, fields, record), runAt })
}

/** What is known of the worker of a lease that ended without its word. */
export type WorkerFacts = Pick<UnsettledLease, 'isDead' | 'isAlone'>

function expire(task: LightTask, facts: WorkerFacts, now: number): Transition {
  const { attempt, maxAttempts, crashes, loneCrashes = 0, loneLeases = [], token } = task
  const cancelRequested = task.cancelRequestedAt !== undefined
  const { status, ...after } = afterLeaseEnd({
    crashes,
    loneCrashes,
    attempt,
    maxAttempts,
    cancelRequested,
    ...facts,
  })
  const counted = { ...after, ...(after.loneCrashes > loneCrashes ? { loneLeases: [...loneLeases, token] } : {}) }
  const ifUnchanged = (transition: Transition) => ifCrashesUnchanged(task, ifCancelUnchanged(task, transition))
  if (status === 'cancelled') return ifUnchanged(finish(task, status, now, {}, counted))
  if (status === 'failed') {
    const error = poisonedError({ loneCrashes: after.loneCrashes, attempt: task.attempt })
    return ifUnchanged(finish(task, status, now, { error }, counted))
  }
  const record = endOfAttempt(task, 'lease-expired', JSON.stringify({ workerId: task.workerId ?? null }), now)
  return ifUnchanged(goOn(task, { state: 'queued', runAt: now, ...counted }, record))
}

/** Ends a lease that nobody settled, for the reason given. */
export function endUnsettled(
  task: LightTask,
  { reason, jitter, ...facts }: { reason: EndedLease['reason']; jitter: number } & WorkerFacts,
  now: number,
): Transition {
  const error = timeoutError({ startedAt: now, deadlineAt: now, ...task })
  switch (reason) {
    case 'expired':
      return expire(task, facts, now)
    case 'timeout':
      return fail(task, { error, retryable: true, retryDelayMs: null, jitter, isReported: false }, now)
    case 'cancelled':
      return finish(task, 'cancelled', now, {})
  }
}

/** Asks the worker of a running task to stop. The next sweep looks at it, to know when its grace is over. */
export function requestCancel(task: LightTask, now: number): Transition {
  const { attempt, token } = task
  const record = {
    at: now,
    kind: 'cancel-requested',
    attempt,
    token,
    startedAt: null,
    workerId: null,
    data: null,
  } as const
  return {
    task,
    guard: { ...guardOf(task), cancelRequestedAt: null } as unknown as Filter<TaskDocument>,
    update: withRecords({ $set: { cancelRequestedAt: now, wakeAt: now } }, task, [record]),
    to: 'running',
    runAt: null,
    counted: {},
  }
}

/** A failed or cancelled task is ready again: attempts and crashes reset, history and token kept. */
export function retry(task: LightTask, now: number): Transition {
  const { state, attempt, token, startedAt = null, workerId = null, finishedAt = now, error, finishedBytes = 0 } = task
  const data = (error == null ? null : `{"error":${error}}`) as JsonText | null
  const ended = {
    at: finishedAt,
    kind: state as TaskEventKind,
    attempt,
    token,
    startedAt,
    workerId,
    data,
    ...settledOf(task),
  } as StoredRecord
  const retried = { at: now, kind: 'retried', attempt, token, startedAt: null, workerId: null, data: null } as const
  const set = {
    state: 'queued',
    runAt: now,
    attempt: 0,
    crashes: 0,
    loneCrashes: 0,
    result: null,
    error: null,
  } as const
  const ofEnd = { finishedAt: '', finishedBytes: '', settled: '', loneLeases: '' } as const
  const unset = { ...ofEnd, workerId: '', startedAt: '', progress: '' } as const
  return {
    task,
    guard: { ...guardOf(task), finishedAt },
    update: withRecords({ $set: set, $unset: unset }, task, [ended, retried]),
    to: 'queued',
    runAt: now,
    counted: { [state]: -1, queued: 1, finishedBytes: -finishedBytes },
  }
}

// A worker whose reply was lost may repeat its outcome after the retry too.
function settledOf({ token, settled }: LightTask): Pick<StoredRecord, 'settled'> {
  if (settled?.token !== token) return {}
  return { settled: { outcome: settled.outcome, wentTo: settled.wentTo } }
}

/** A task whose time has come. */
export function promote(task: LightTask): Transition {
  return {
    task,
    guard: guardOf(task),
    update: { $set: { state: 'queued' } },
    to: 'queued',
    runAt: task.runAt,
    counted: { scheduled: -1, queued: 1 },
  }
}

function goOn(task: LightTask, fields: Fields & { state: string }, record: StoredRecord): Transition {
  const update = { $set: fields, $unset: WITHOUT_ATTEMPT } as UpdateFilter<TaskDocument>
  return {
    task,
    guard: guardOf(task),
    update: withRecords(update, task, [record]),
    to: fields.state as TaskStatus,
    runAt: (fields.runAt as number | undefined) ?? task.runAt,
    counted: { ...leaving(task), [fields.state]: 1 },
  }
}

// Token and state name one waiting or one lease of the task: neither comes again.
function guardOf({ state, token }: LightTask): Filter<TaskDocument> {
  return { state, token }
}

// Where a task goes may hang on whether its cancel was requested: it must not have been requested in between.
function ifCancelUnchanged(task: LightTask, transition: Transition): Transition {
  const cancelRequestedAt = task.cancelRequestedAt ?? null
  return { ...transition, guard: { ...transition.guard, cancelRequestedAt } as unknown as Filter<TaskDocument> }
}

// A crash may be taken back at any time.
function ifCrashesUnchanged(task: LightTask, transition: Transition): Transition {
  const loneCrashes = task.loneCrashes ?? null
  return { ...transition, guard: { ...transition.guard, loneCrashes } as unknown as Filter<TaskDocument> }
}

/** Only while the lease ends at this very time: it may be extended meanwhile. */
export function whileItEndsAt(expiresAt: number | undefined, transition: Transition): Transition {
  return expiresAt === undefined ? transition : { ...transition, guard: { ...transition.guard, expiresAt } }
}

function leaving({ state }: LightTask): Partial<Record<Counter, number>> {
  return { [state]: -1 }
}

function endOfAttempt(task: LightTask, kind: HistoryRecord['kind'], data: string | null, now: number): HistoryRecord {
  const { attempt, token, startedAt = null, workerId = null } = task
  return { at: now, kind, attempt, token, startedAt, workerId, data: data as JsonText | null }
}

/** Adds history lines to an update. */
export function withRecords(
  update: UpdateFilter<TaskDocument>,
  { records }: Pick<LightTask, 'records'>,
  lines: readonly StoredRecord[],
): UpdateFilter<TaskDocument> {
  if (lines.length === 0 || records >= MOST_RECORDS) return update
  const tailBytes = lines.reduce((sum, { data }) => sum + 100 + Buffer.byteLength(data ?? ''), 0)
  return {
    ...update,
    $push: { tail: { $each: [...lines] } },
    $inc: { records: lines.length, tailBytes },
  } as UpdateFilter<TaskDocument>
}
