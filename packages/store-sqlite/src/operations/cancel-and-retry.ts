import {
  type CancelOutcome,
  RETRYABLE_STATUSES,
  type RetryOutcome,
  type RetryParams,
  type TaskIdsParams,
  type TaskStatus,
} from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { locate, unfinishedStatus } from './find.ts'
import { priorityOf } from './leases.ts'
import { promoteDue } from './promote.ts'
import { keepFloorBelowNext } from './retention.ts'
import { addHistory, finish, makeReady, take } from './transition.ts'

/** The port's `cancel`, task by task: what waits ends here, of what runs the worker is asked, once. */
export function cancel(state: State, { namespace, taskIds }: TaskIdsParams, now: number): CancelOutcome[] {
  promoteDue(state, now)
  return taskIds.map((taskId) => {
    const task = locate(state, namespace, taskId)
    if (task === null) return { kind: 'not-found' }
    return (
      cancelWaiting(state, 'ready', task.seq, now) ??
      cancelWaiting(state, 'scheduled', task.seq, now) ??
      requestCancel(state, task.seq, now) ?? { kind: 'ended', status: endedStatus(state, task.seq, task.lane) }
    )
  })
}

function cancelWaiting(state: State, from: 'ready' | 'scheduled', seq: number, now: number): CancelOutcome | null {
  const row = row1<[number, number, number, number, number]>(
    state.sql(
      `SELECT w.lane, w.attempt, w.token, w.crashes, octet_length(t.payload) FROM ${from} w JOIN tasks t USING (seq)
       WHERE seq = ?`,
    ),
    seq,
  )
  if (row === undefined) return null
  const [lane, attempt, token, crashes, bytes] = row
  take(state, from, seq, lane)
  const task = { seq, lane, attempt, token, crashes, bytes, progress: null, workerId: null, startedAt: null }
  finish(state, task, 'cancelled', {}, now)
  return { kind: 'cancelled' }
}

function requestCancel(state: State, seq: number, now: number): CancelOutcome | null {
  const row = row1<[string, number, number, number | null]>(
    state.sql('SELECT worker_id, attempt, token, cancel_requested_at FROM leases WHERE seq = ?'),
    seq,
  )
  if (row === undefined) return null
  const [workerId, attempt, token, requestedAt] = row
  if (requestedAt === null) {
    state.sql('UPDATE leases SET cancel_requested_at = ? WHERE seq = ?').run(now, seq)
    addHistory(state, seq, { kind: 'cancel-requested', attempt, token }, now)
  }
  return { kind: 'requested', workerId }
}

type FinishedRow = [
  n: number,
  status: number,
  attempt: number,
  token: number,
  crashes: number,
  bytes: number,
  startedAt: number | null,
  finishedAt: number,
  workerId: string | null,
  error: string | null,
]

function finishedRow(state: State, seq: number, lane: number): FinishedRow {
  const select = state.sql(
    `SELECT n, status, attempt, token, crashes, bytes, started_at, finished_at, worker_id, error FROM finished
     WHERE lane = ? AND status IN (1, 2, 3) AND seq = ?`,
  )
  return row1<FinishedRow>(select, lane, seq) as FinishedRow
}

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

function endedStatus(state: State, seq: number, lane: number): TaskStatus {
  return ENDED[finishedRow(state, seq, lane)[1] - 1] as TaskStatus
}

/** The port's `retry`, task by task. The end goes into the history, and the row of the finished task goes. */
export function retry(
  state: State,
  { namespace, taskIds, statuses = RETRYABLE_STATUSES }: RetryParams,
  now: number,
): RetryOutcome[] {
  promoteDue(state, now)
  return taskIds.map((taskId) => {
    const task = locate(state, namespace, taskId)
    if (task === null) return { kind: 'not-found' }
    const waiting = unfinishedStatus(state, task.seq)
    if (waiting !== null) return { kind: 'not-retryable', status: waiting }
    return retryFinished(state, task.seq, task.lane, statuses, now)
  })
}

function retryFinished(
  state: State,
  seq: number,
  lane: number,
  statuses: readonly TaskStatus[],
  now: number,
): RetryOutcome {
  const [n, number, attempt, token, , bytes, startedAt, finishedAt, workerId, error] = finishedRow(state, seq, lane)
  const status = ENDED[number - 1] as (typeof ENDED)[number]
  if (!statuses.includes(status)) return { kind: 'not-retryable', status }
  const data = error === null ? null : `{"error":${error}}`
  addHistory(state, seq, { kind: status, attempt, token, startedAt, workerId, data }, finishedAt)
  addHistory(state, seq, { kind: 'retried', attempt, token }, now)
  state.sql('DELETE FROM finished WHERE n = ?').run(n)
  state.sql('DELETE FROM lone_crashes WHERE seq = ?').run(seq)
  keepFloorBelowNext(state)
  state.counters.add(lane, status, -1)
  state.counters.add(lane, 'finished_bytes', -bytes)
  makeReady(state, { seq, lane, priority: priorityOf(state, seq), attempt: 0, token, crashes: 0 }, now)
  return { kind: 'retried' }
}
