import {
  type AcceptedTask,
  type Backoff,
  DEFAULT_BACKOFF,
  type EnqueueOutcome,
  type EnqueueParams,
  isDefaultBackoff,
  type JsonText,
  type LeasedTask,
  type NewTask,
  type Settlement,
  type SettleResult,
  type Task,
  type TaskError,
  type TaskStatus,
} from '@taskyard/core'
import type { Lane } from './lanes.ts'

// What travels between the threads in numbers travels as flat arrays: structured cloning writes the property names of
// every object again, which costs more than the values.

/** A task with its present state. */
export type TaskRow = [
  id: string,
  namespace: string,
  queue: string,
  type: string,
  status: TaskStatus,
  priority: number,
  payload: string,
  result: string | null,
  error: string | null,
  attempt: number,
  maxAttempts: number,
  crashes: number,
  progress: string | null,
  tags: string | null,
  backoff: string | null,
  timeoutSeconds: number | null,
  idempotencyKey: string | null,
  workerId: string | null,
  runAt: number,
  createdAt: number,
  startedAt: number | null,
  finishedAt: number | null,
  cancelRequestedAt: number | null,
  token: number,
]

const NO_TAGS: readonly string[] = []

/** Back from a flat row, which costs the channel between the threads much less than an object. */
export function taskFromRow(row: TaskRow): Task {
  return {
    id: row[0],
    namespace: row[1],
    queue: row[2],
    type: row[3],
    status: row[4],
    priority: row[5],
    payload: row[6] as JsonText,
    result: row[7] as JsonText | null,
    error: row[8] === null ? null : (JSON.parse(row[8]) as TaskError),
    attempt: row[9],
    maxAttempts: row[10],
    crashes: row[11],
    progress: row[12] as JsonText | null,
    tags: tagsFromText(row[13]),
    backoff: backoffFromText(row[14]),
    timeoutSeconds: row[15],
    idempotencyKey: row[16],
    workerId: row[17],
    runAt: row[18],
    createdAt: row[19],
    startedAt: row[20],
    finishedAt: row[21],
    cancelRequestedAt: row[22],
  }
}

/** A task just claimed; what all tasks of a claim share is sent once. */
export type ClaimedRow = [
  lane: number,
  id: string,
  priority: number,
  payload: string,
  createdAt: number,
  maxAttempts: number,
  timeoutSeconds: number | null,
  backoff: string | null,
  tags: string | null,
  idempotencyKey: string | null,
  runAt: number,
  attempt: number,
  crashes: number,
  token: number,
]

/** What has become of a lease since it was given. */
export type GivenLease = [expiresAt: number, cancelRequestedAt: number | null, progress: string | null]

export interface ClaimedRows {
  readonly rows: readonly ClaimedRow[]
  readonly lanes: readonly Lane[]
  readonly startedAt: number
  /** When all leases of a new claim end; each lease of one that is repeated. */
  readonly leases: number | readonly GivenLease[]
  readonly workerId: string
}

/** What a claim answers. A repeated one has the present end, cancel request and progress of each lease, and says `again`. */
export function leasedTasks({ rows, lanes, startedAt, leases, workerId }: ClaimedRows): LeasedTask[] {
  const byNumber = new Map(lanes.map((lane) => [lane.lane, lane]))
  return rows.map((row, index) => {
    const { namespace, queue, type } = byNumber.get(row[0]) as Lane
    const again = typeof leases !== 'number'
    const [expiresAt, cancelRequestedAt, progress] = again ? (leases[index] as GivenLease) : [leases, null, null]
    return {
      id: row[1],
      namespace,
      queue,
      type,
      status: 'running',
      priority: row[2],
      payload: row[3] as JsonText,
      result: null,
      error: null,
      attempt: row[11],
      maxAttempts: row[5],
      crashes: row[12],
      progress: progress as JsonText | null,
      tags: tagsFromText(row[8]),
      backoff: backoffFromText(row[7]),
      timeoutSeconds: row[6],
      idempotencyKey: row[9],
      workerId,
      runAt: row[10],
      createdAt: row[4],
      startedAt,
      finishedAt: null,
      cancelRequestedAt,
      lease: again ? { token: row[13], expiresAt, again } : { token: row[13], expiresAt },
    }
  })
}

/** One accepted settlement, or `null` for a lost lease. */
export type SettledRow =
  | [taskStatus: TaskStatus, lane: number, waitMs: number, runMs: number, runAt: number | null, repeated: boolean]
  | null

export interface SettledRows {
  readonly results: readonly SettledRow[]
  readonly lanes: readonly Lane[]
  readonly claimed: ClaimedRows | null
}

const LOST: SettleResult = { status: 'lost' }

/** In the order of the settlements; `null` rows are lost leases. */
export function settleResults({ results, lanes }: SettledRows): SettleResult[] {
  const byNumber = new Map(lanes.map((lane) => [lane.lane, lane]))
  return results.map((row) => {
    if (row === null) return LOST
    const [taskStatus, lane, waitMs, runMs, runAt, repeated] = row
    const { namespace, queue, type } = byNumber.get(lane) as Lane
    return { status: 'ok', taskStatus, repeated, namespace, queue, type, waitMs, runMs, runAt }
  })
}

/** A new task, with defaults as `null`. */
export type NewTaskRow = [
  id: string,
  namespace: string,
  queue: string,
  type: string,
  payload: string,
  priority: number,
  runAt: number | null,
  delayMs: number,
  maxAttempts: number,
  backoff: string | null,
  timeoutSeconds: number | null,
  tags: readonly string[] | null,
  idempotencyKey: string | null,
  fingerprint: string | null,
]

export interface EnqueueRows {
  readonly submissions: readonly (readonly NewTaskRow[])[]
  readonly queueDepth: number
}

/** Submissions as the thread takes them: default backoff and missing tags are `null`. */
export function enqueueRows({ submissions, queueDepth }: EnqueueParams): EnqueueRows {
  return { submissions: submissions.map(({ tasks }) => tasks.map(newTaskRow)), queueDepth }
}

function newTaskRow(task: NewTask): NewTaskRow {
  return [
    task.id,
    task.namespace,
    task.queue,
    task.type,
    task.payload,
    task.priority,
    task.runAt,
    task.delayMs,
    task.maxAttempts,
    isDefaultBackoff(task.backoff) ? null : JSON.stringify(task.backoff),
    task.timeoutSeconds,
    task.tags.length === 0 ? null : task.tags,
    task.idempotency?.key ?? null,
    task.idempotency?.fingerprint ?? null,
  ]
}

/** A task of a submission that was stored; `null`: as a new one, that is queued now. */
export type AcceptedRow =
  | readonly [id: string, status: TaskStatus, createdAt: number, runAt: number, replayed: boolean]
  | null

export type EnqueueRefusal = Exclude<EnqueueOutcome, { kind: 'accepted' }>

export interface EnqueuedRows {
  readonly now: number
  readonly outcomes: readonly (readonly AcceptedRow[] | EnqueueRefusal)[]
}

/** In the order of the submissions, which must be those that were sent: rows of plain new tasks are `null`. */
export function enqueueOutcomes({ now, outcomes }: EnqueuedRows, { submissions }: EnqueueParams): EnqueueOutcome[] {
  return outcomes.map((outcome, i) => {
    if ('kind' in outcome) return outcome
    const { tasks } = submissions[i] as EnqueueParams['submissions'][number]
    return { kind: 'accepted', tasks: outcome.map((row, at) => acceptedTask(row, tasks[at] as NewTask, now)) }
  })
}

function acceptedTask(row: AcceptedRow, task: NewTask, now: number): AcceptedTask {
  if (row === null) return { id: task.id, status: 'queued', createdAt: now, runAt: now, replayed: false }
  const [id, status, createdAt, runAt, replayed] = row
  return { id, status, createdAt, runAt, replayed }
}

/** A settlement; the last fields are those of a failure, and when a lease must end that is given back, if it matters. */
export type SettlementRow = [
  taskId: string,
  token: number,
  outcome: Settlement['outcome'],
  result: string | null,
  failure: Omit<Extract<Settlement, { outcome: 'failed' }>, 'taskId' | 'token' | 'outcome'> | null,
  expiresAt?: number,
]

/** A settlement as the thread takes it. */
export function settlementRow(settlement: Settlement): SettlementRow {
  const { taskId, token, outcome } = settlement
  if (outcome === 'failed') {
    const { error, retryable, retryDelayMs, jitter } = settlement
    return [taskId, token, outcome, null, { error, retryable, retryDelayMs, jitter }]
  }
  if (outcome === 'released' && settlement.expiresAt !== undefined)
    return [taskId, token, outcome, null, null, settlement.expiresAt]
  return [taskId, token, outcome, outcome === 'succeeded' ? settlement.result : null, null]
}

/** `null` is the default backoff. */
export function backoffFromText(text: string | null): Backoff {
  return text === null ? DEFAULT_BACKOFF : (JSON.parse(text) as Backoff)
}

function tagsFromText(text: string | null): readonly string[] {
  return text === null ? NO_TAGS : (JSON.parse(text) as string[])
}
