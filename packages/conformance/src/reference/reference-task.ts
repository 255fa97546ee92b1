import {
  afterFailure,
  afterLeaseEnd,
  type ClaimParams,
  isTerminal,
  type JsonText,
  LIMITS,
  type NewTask,
  poisonedError,
  type Settlement,
  type Task,
  type TaskError,
  type TaskEvent,
  type TaskEventKind,
  type TaskStatus,
  type TerminalStatus,
  toJsonText,
  type WorkerKey,
  type WorkerRef,
  workerKey,
} from '@taskyard/core'

/** A task of the reference store: changed in place by the moves below, each one row of the state table. */
export interface ReferenceTask {
  task: Task
  /** Fences off earlier holders; the last one given out. */
  token: number
  lease: ReferenceLease | null
  readyAt: number
  /** Breaks ties of readiness: first come, first served. */
  readonly arrival: number
  events: readonly TaskEvent[]
  recordsOfAttempt: number
  /** The tokens of leases whose ends count against it. */
  loneLeases: readonly number[]
  /** The settlements that were accepted, by token. */
  readonly settled: Map<number, ReferenceSettlement>
  readonly lane: ReferenceLane
}

export interface ReferenceSettlement {
  readonly outcome: Settlement['outcome']
  readonly wentTo: TaskStatus
  readonly waitMs: number
  readonly runMs: number
}

export interface ReferenceLane {
  readonly namespace: string
  readonly queue: string
  finishedTotal: number
}

export interface ReferenceLease {
  readonly worker: WorkerRef
  readonly requestId: string | null
  readonly startedAt: number
  readonly waitMs: number
  readonly deadlineAt: number | null
  expiresAt: number
  /** Another lease of its worker ended without word while this one was held. */
  hadCompany: boolean
}

/**
 * A new task: `queued`, or `scheduled` when it is due later than `now`. `arrival` orders tasks that become ready at
 * once.
 */
export function submitTask(submitted: NewTask, lane: ReferenceLane, now: number, arrival: number): ReferenceTask {
  const { delayMs, idempotency, ...kept } = submitted
  const runAt = Math.max(now, submitted.runAt ?? now + delayMs)
  const task: Task = {
    ...kept,
    runAt,
    status: runAt > now ? 'scheduled' : 'queued',
    idempotencyKey: idempotency?.key ?? null,
    ...UNTRIED,
    workerId: null,
    createdAt: now,
    startedAt: null,
  }
  const entry: ReferenceTask = {
    task,
    token: 0,
    lease: null,
    readyAt: runAt,
    arrival,
    events: [],
    recordsOfAttempt: 0,
    loneLeases: [],
    settled: new Map(),
    lane,
  }
  append(entry, now, 'submitted', null)
  return entry
}

/** What a reader sees: a task whose time has come is queued, whether or not a sweep has noticed. */
export function asRead({ task }: ReferenceTask, now: number): Task {
  return task.status === 'scheduled' && task.runAt <= now ? { ...task, status: 'queued' } : task
}

/** Leases a ready task to a worker: a higher token, one more attempt, and an event. */
export function startAttempt(
  entry: ReferenceTask,
  { worker, requestId, leaseMs }: Pick<ClaimParams, 'worker' | 'requestId' | 'leaseMs'>,
  now: number,
): void {
  const { timeoutSeconds, attempt } = entry.task
  entry.token += 1
  entry.recordsOfAttempt = 0
  entry.lease = {
    worker,
    requestId,
    startedAt: now,
    waitMs: now - entry.readyAt,
    deadlineAt: timeoutSeconds === null ? null : now + timeoutSeconds * 1000,
    expiresAt: now + leaseMs,
    hadCompany: false,
  }
  const untold = { progress: null, error: null }
  change(entry, { status: 'running', attempt: attempt + 1, startedAt: now, workerId: worker.workerId, ...untold })
  append(entry, now, 'started', { workerId: worker.workerId })
}

/**
 * Ends the attempt as its worker says, and remembers the settlement for when it is repeated. The lease must be held.
 */
export function settleAttempt(entry: ReferenceTask, settlement: Settlement, now: number): void {
  const { lease, token } = entry
  const { outcome } = settlement
  switch (settlement.outcome) {
    case 'succeeded':
      finish(entry, 'succeeded', now, { result: settlement.result, error: null })
      break
    case 'failed':
      failAttempt(entry, { ...settlement }, now)
      break
    case 'cancelled':
      finish(entry, 'cancelled', now)
      break
    case 'released':
      releaseAttempt(entry, now)
      break
  }
  const wentTo = entry.task.status
  const [waitMs, runMs] = [lease?.waitMs ?? 0, now - (lease?.startedAt ?? now)]
  entry.settled.set(token, { outcome, wentTo, waitMs, runMs })
}

/** Schedules the next attempt after the backoff or the wait that was wished for; without one left, the task fails. */
export function failAttempt(
  entry: ReferenceTask,
  failure: { error: TaskError; retryable: boolean; retryDelayMs: number | null; jitter: number },
  now: number,
): void {
  const { error } = failure
  const after = afterFailure({ ...entry.task, ...failure, cancelRequested: entry.task.cancelRequestedAt !== null })
  if (after.status !== 'scheduled') return finish(entry, after.status, now, { error })
  const runAt = now + after.delayMs
  endLease(entry)
  entry.readyAt = runAt
  change(entry, { status: 'scheduled', error, runAt, progress: null })
  append(entry, now, 'retry-scheduled', { error, retryAt: new Date(runAt).toISOString() })
}

function releaseAttempt(entry: ReferenceTask, now: number): void {
  if (entry.task.cancelRequestedAt !== null) return finish(entry, 'cancelled', now)
  append(entry, now, 'released', null)
  endLease(entry)
  change(entry, { status: 'queued', attempt: entry.task.attempt - 1, progress: null })
}

/** Ends a lease that ran out, or whose worker is dead: its task waits again, unless it was to stop or has crashed too often. */
export function expireLease(
  entry: ReferenceTask,
  { isDead, isAlone }: { isDead: boolean; isAlone: boolean },
  now: number,
): void {
  const cancelRequested = entry.task.cancelRequestedAt !== null
  const loneBefore = entry.loneLeases.length
  const after = afterLeaseEnd({ ...entry.task, loneCrashes: loneBefore, cancelRequested, isDead, isAlone })
  append(entry, now, 'lease-expired', null)
  if (after.loneCrashes > loneBefore) entry.loneLeases = [...entry.loneLeases, entry.token]
  change(entry, { crashes: after.crashes })
  if (after.status === 'failed')
    return finish(entry, 'failed', now, { error: poisonedError({ ...entry.task, loneCrashes: after.loneCrashes }) })
  if (after.status === 'cancelled') return finish(entry, 'cancelled', now)
  endLease(entry)
  entry.readyAt = now
  change(entry, { status: 'queued', runAt: now, progress: null })
}

/** The worker of this lease came back: its end counts against the task no more. */
export function takeBackCrash(entry: ReferenceTask, token: number): void {
  entry.loneLeases = entry.loneLeases.filter((lone) => lone !== token)
}

/** Asks the worker of a running task to stop. Asked again, the time of the first request stays. */
export function requestCancel(entry: ReferenceTask, now: number): void {
  if (entry.task.cancelRequestedAt !== null) return
  change(entry, { cancelRequestedAt: now })
  append(entry, now, 'cancel-requested', null)
}

/** Ends a task for good. */
export function finish(
  entry: ReferenceTask,
  status: TerminalStatus,
  now: number,
  fields: { result?: JsonText | null; error?: TaskError | null } = {},
): void {
  endLease(entry)
  entry.lane.finishedTotal += 1
  change(entry, { ...fields, status, finishedAt: now })
  append(entry, now, status, fields.error ? { error: fields.error } : null)
}

/** Makes an ended task ready as if it were new, with its history and its higher tokens. */
export function retryTask(entry: ReferenceTask, now: number): void {
  entry.readyAt = now
  entry.loneLeases = []
  change(entry, { status: 'queued', runAt: now, ...UNTRIED })
  append(entry, now, 'retried', null)
}

/** Notes progress and a log line; the history takes no more than `LIMITS.recordsPerAttempt` of an attempt. */
export function recordEntry(
  entry: ReferenceTask,
  { progress, log }: { progress: JsonText | null; log: string | null },
  now: number,
): void {
  if (progress !== null) {
    change(entry, { progress })
    if (hasRoomForRecord(entry)) append(entry, now, 'progress', progress)
  }
  if (log !== null && hasRoomForRecord(entry)) append(entry, now, 'log', { line: log })
}

function hasRoomForRecord(entry: ReferenceTask): boolean {
  entry.recordsOfAttempt += 1
  return entry.recordsOfAttempt <= LIMITS.recordsPerAttempt
}

function append(entry: ReferenceTask, at: number, kind: TaskEventKind, data: unknown): void {
  const text = data === null ? null : kind === 'progress' ? (data as JsonText) : toJsonText(data)
  const event = { n: entry.events.length + 1, at, kind, attempt: entry.task.attempt, data: text }
  entry.events = [...entry.events, event]
}

function endLease(entry: ReferenceTask): void {
  entry.lease = null
  change(entry, { cancelRequestedAt: null })
}

function change(entry: ReferenceTask, fields: Partial<Task>): void {
  entry.task = { ...entry.task, ...fields }
}

/** `queued` or `scheduled`. */
export function isWaiting(status: TaskStatus): boolean {
  return !isTerminal(status) && status !== 'running'
}

/** The key of the worker that holds a lease of this task. */
export function holderOf({ task }: Pick<ReferenceTask, 'task'>, { worker }: ReferenceLease): WorkerKey {
  return workerKey({ namespace: task.namespace, workerId: worker.workerId })
}

/** The key of a lane in `ReferenceState`. */
export function laneKey({ namespace, queue }: { namespace: string; queue: string }): string {
  return `${namespace}/${queue}`
}

const UNTRIED = {
  result: null,
  error: null,
  attempt: 0,
  crashes: 0,
  progress: null,
  finishedAt: null,
  cancelRequestedAt: null,
} as const
