import type { TaskIdsParams, TaskStatus } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import type { TaskRow } from '../wire.ts'
import { lastDue } from './last-due.ts'
import { promoteDue } from './promote.ts'

export const TERMINAL: readonly TaskStatus[] = ['succeeded', 'failed', 'cancelled']

/** The port's `find`. Due tasks are made ready first: readers see what a claim would. */
export function find(state: State, { namespace, taskIds }: TaskIdsParams, now: number): (TaskRow | null)[] {
  promoteDue(state, now)
  return taskIds.map((id) => taskRow(state, namespace, id))
}

function taskRow(state: State, namespace: string, taskId: string): TaskRow | null {
  const located = locate(state, namespace, taskId)
  return located === null ? null : taskRowBySeq(state, located.seq)
}

/** Where a task of this namespace is kept: its row number and lane. */
export function locate(state: State, namespace: string, taskId: string): { seq: number; lane: number } | null {
  const row = row1<[number, number]>(state.sql('SELECT seq, lane FROM tasks WHERE id = ?'), taskId)
  return row === undefined || !state.lanes.isOf(row[1], namespace) ? null : { seq: row[0], lane: row[1] }
}

/** Where a task is that has not ended; `null` for one that has. */
export function unfinishedStatus(state: State, seq: number): TaskStatus | null {
  if (row1(state.sql('SELECT 1 FROM ready WHERE seq = ?'), seq)) return 'queued'
  if (row1(state.sql('SELECT 1 FROM leases WHERE seq = ?'), seq)) return 'running'
  if (row1(state.sql('SELECT 1 FROM scheduled WHERE seq = ?'), seq)) return 'scheduled'
  return null
}

const TASK_COLUMNS = `id, lane, priority, payload, created_at, run_at, max_attempts, timeout_seconds, backoff, tags,
  idempotency_key`
type TaskColumns = [
  id: string,
  lane: number,
  priority: number,
  payload: string,
  createdAt: number,
  runAt: number,
  maxAttempts: number,
  timeoutSeconds: number | null,
  backoff: string | null,
  tags: string | null,
  idempotencyKey: string | null,
]

/** What the present state adds to a task's immutable part. */
interface Present {
  readonly status: TaskStatus
  readonly attempt: number
  readonly crashes: number
  readonly token: number
  /** `null`: as it was submitted. */
  readonly runAt?: number | null
  readonly startedAt?: number | null
  readonly finishedAt?: number
  readonly workerId?: string | null
  readonly cancelRequestedAt?: number | null
  readonly progress?: string | null
  readonly result?: string | null
  readonly error?: string | null
}

/** A task of whatever namespace, with its present state; `null`: there is none of this number. */
export function taskRowBySeq(state: State, seq: number): TaskRow | null {
  const task = row1<TaskColumns>(state.sql(`SELECT ${TASK_COLUMNS} FROM tasks WHERE seq = ?`), seq)
  if (task === undefined) return null
  const present = presentOf(state, seq, task[1])
  return composeTaskRow(state, task, present)
}

/** The last error of a task, its code first (see `toErrorText`); `null` when it has none now. */
export function errorBySeq(state: State, seq: number): string | null {
  const task = row1<[number]>(state.sql('SELECT lane FROM tasks WHERE seq = ?'), seq)
  return task === undefined ? null : (presentOf(state, seq, task[0]).error ?? null)
}

function composeTaskRow(state: State, task: TaskColumns, present: Present): TaskRow {
  const { namespace, queue, type } = state.lanes.get(task[1])
  return [
    task[0],
    namespace,
    queue,
    type,
    present.status,
    task[2],
    task[3],
    present.result ?? null,
    present.error ?? null,
    present.attempt,
    task[6],
    present.crashes,
    present.progress ?? null,
    task[9],
    task[8],
    task[7],
    task[10],
    present.workerId ?? null,
    present.runAt ?? task[5],
    task[4],
    present.startedAt ?? null,
    present.finishedAt ?? null,
    present.cancelRequestedAt ?? null,
    present.token,
  ]
}

function presentOf(state: State, seq: number, lane: number): Present {
  const present =
    readyState(state, seq) ?? leaseState(state, seq) ?? scheduledState(state, seq) ?? finishedState(state, seq, lane)
  if (present === null) throw new Error(`task number ${seq} is in no state`)
  return present
}

function readyState(state: State, seq: number): Present | null {
  const row = row1<[number, number, number, number]>(
    state.sql('SELECT attempt, crashes, token, ready_at FROM ready WHERE seq = ?'),
    seq,
  )
  if (row === undefined) return null
  const [attempt, crashes, token, runAt] = row
  return { status: 'queued', attempt, crashes, token, runAt, error: lastError(state, seq, token) }
}

function scheduledState(state: State, seq: number): Present | null {
  const row = row1<[number, number, number, number]>(
    state.sql('SELECT attempt, crashes, token, run_at FROM scheduled WHERE seq = ?'),
    seq,
  )
  if (row === undefined) return null
  const [attempt, crashes, token, runAt] = row
  return { status: 'scheduled', attempt, crashes, token, runAt, error: lastError(state, seq, token) }
}

/** Why the attempt before failed, so that a task that waits for its next one says what is wrong. */
function lastError(state: State, seq: number, token: number): string | null {
  if (token === 0) return null
  const row = row1<[string | null]>(
    state.sql(
      `SELECT json_extract(data, '$.error') FROM history WHERE seq = ? AND token = ? AND kind = 'retry-scheduled'`,
    ),
    seq,
    token,
  )
  return row?.[0] ?? null
}

function leaseState(state: State, seq: number): Present | null {
  const row = row1<[number, number, number, number, number, string, number | null, string | null]>(
    state.sql(
      `SELECT attempt, crashes, token, ready_at, started_at, worker_id, cancel_requested_at, progress
       FROM leases WHERE seq = ?`,
    ),
    seq,
  )
  if (row === undefined) return null
  const [attempt, crashes, token, runAt, startedAt, workerId, cancelRequestedAt, progress] = row
  return {
    status: 'running',
    attempt,
    crashes,
    token,
    runAt,
    startedAt,
    workerId,
    cancelRequestedAt,
    progress,
  }
}

function finishedState(state: State, seq: number, lane: number): Present | null {
  const row = row1<
    [number, number, number, number, number | null, number, string | null, string | null, string | null, string | null]
  >(
    state.sql(
      `SELECT status, attempt, crashes, token, started_at, finished_at, worker_id, progress, result, error
       FROM finished WHERE lane = ? AND status IN (1, 2, 3) AND seq = ?`,
    ),
    lane,
    seq,
  )
  if (row === undefined) return null
  const [status, attempt, crashes, token, startedAt, finishedAt, workerId, progress, result, error] = row
  return {
    status: TERMINAL[status - 1] as TaskStatus,
    ...{ attempt, crashes, token, startedAt, finishedAt, workerId, progress, result, error },
    runAt: lastDue(state, seq),
  }
}
