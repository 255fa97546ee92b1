import {
  type JsonText,
  LIMITS,
  type TaskError,
  type TaskEventKind,
  TERMINAL_STATUS_NUMBER,
  type TerminalStatus,
  toErrorText,
} from '@taskyard/core'
import type { Counter } from '../counters.ts'
import { row1, type State } from '../state.ts'

/** A task that waits, with what it carries from attempt to attempt. */
export interface Waiting {
  readonly seq: number
  readonly lane: number
  readonly priority: number
  readonly attempt: number
  readonly token: number
  readonly crashes: number
}

export interface Lease {
  readonly seq: number
  readonly lane: number
  readonly token: number
  readonly attempt: number
  readonly crashes: number
  readonly workerId: string
  readonly readyAt: number
  readonly startedAt: number
  readonly expiresAt: number
  readonly deadlineAt: number | null
  readonly cancelRequestedAt: number | null
  /** Somebody would notice if its worker died. */
  readonly isWatched: boolean
  /** Another lease of its worker has ended without word since it began. */
  readonly hadCompany: boolean
  readonly progress: string | null
  readonly bytes: number
}

/** Rough cost of a finished task's rows and index entries beside its texts, measured on files of a million tasks. Bytes. */
const ROW_OVERHEAD_BYTES = 320

/** Puts a task where claims find it. The caller takes it from where it was. */
export function makeReady(state: State, task: Waiting, readyAt: number): void {
  const insert = state.sql(
    'INSERT INTO ready (seq, lane, priority, ready_at, attempt, token, crashes) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  insert.run(task.seq, task.lane, task.priority, readyAt, task.attempt, task.token, task.crashes)
  state.counters.add(task.lane, 'queued', 1)
  state.heads.noteReady(task.lane, [task.seq, task.priority, readyAt])
  state.readyLanes.add(task.lane)
}

/** Puts a task where `promoteDue` finds it at `runAt` (ms). The caller takes it from where it was. */
export function makeScheduled(state: State, task: Omit<Waiting, 'priority'>, runAt: number): void {
  const insert = state.sql(
    'INSERT INTO scheduled (seq, lane, run_at, attempt, token, crashes) VALUES (?, ?, ?, ?, ?, ?)',
  )
  insert.run(task.seq, task.lane, runAt, task.attempt, task.token, task.crashes)
  state.counters.add(task.lane, 'scheduled', 1)
  state.nextDue = Math.min(state.nextDue, runAt)
}

export interface Ending {
  readonly result?: JsonText | null
  readonly error?: TaskError | null
}

/** Writes the end of a task. The caller takes it from where it was. */
export function finish(
  state: State,
  task: Pick<Lease, 'seq' | 'lane' | 'token' | 'attempt' | 'crashes' | 'bytes' | 'progress'> & {
    readonly workerId: string | null
    readonly startedAt: number | null
  },
  status: TerminalStatus,
  { result = null, error = null }: Ending,
  now: number,
): void {
  const errorText = error === null ? null : toErrorText(error)
  const bytes = finishedBytes(task.bytes, result, errorText)
  const insert = state.sql(
    `INSERT INTO finished (seq, lane, status, attempt, token, crashes, worker_id, started_at, finished_at, result, error,
       progress, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  insert.run(
    task.seq,
    task.lane,
    TERMINAL_STATUS_NUMBER[status],
    task.attempt,
    task.token,
    task.crashes,
    task.workerId,
    task.startedAt,
    now,
    result,
    errorText,
    task.progress,
    bytes,
  )
  countFinished(state, task.lane, status, bytes)
}

/** What a finished task counts for retention by size. */
export function finishedBytes(payloadBytes: number, result: string | null, error: string | null = null): number {
  return ROW_OVERHEAD_BYTES + payloadBytes + Buffer.byteLength(result ?? '') + Buffer.byteLength(error ?? '')
}

/** Counts a task that has ended, `bytes` of it for retention by size (see `finishedBytes`). */
export function countFinished(state: State, lane: number, status: TerminalStatus, bytes: number): void {
  state.counters.add(lane, status, 1)
  state.counters.add(lane, 'finished_total', 1)
  state.counters.add(lane, 'finished_bytes', bytes)
}

/** Takes a task out of one of the narrow tables. */
export function take(state: State, from: 'ready' | 'scheduled' | 'leases', seq: number, lane: number): void {
  state.sql(`DELETE FROM ${from} WHERE seq = ?`).run(seq)
  const counter: Counter = from === 'ready' ? 'queued' : from === 'leases' ? 'running' : 'scheduled'
  state.counters.add(lane, counter, -1)
}

export interface HistoryLine {
  readonly kind: Exclude<TaskEventKind, 'submitted' | 'started'>
  readonly attempt: number
  readonly token: number
  readonly startedAt?: number | null
  readonly workerId?: string | null
  readonly data?: string | null
}

/** Appends to a task's history. A line that ends an attempt carries the attempt's start and worker too. */
export function addHistory(state: State, seq: number, line: HistoryLine, now: number): void {
  const [last] = row1<[number | null]>(state.sql('SELECT max(n) FROM history WHERE seq = ?'), seq) ?? [null]
  const insert = state.sql(
    `INSERT INTO history (seq, n, at, kind, attempt, token, started_at, worker_id, data)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const { kind, attempt, token, startedAt = null, workerId = null, data = null } = line
  insert.run(seq, (last ?? 0) + 1, now, kind, attempt, token, startedAt, workerId, data)
}

/** Ends of attempts kept per task: beyond them only progress and the end itself are told. */
export function endAttempt(state: State, lease: Lease, kind: HistoryLine['kind'], data: string | null, now: number) {
  const [lines] = row1<[number | null]>(state.sql('SELECT max(n) FROM history WHERE seq = ?'), lease.seq) ?? [null]
  if ((lines ?? 0) >= LIMITS.maxAttempts * 10) return
  const { attempt, token, startedAt, workerId } = lease
  addHistory(state, lease.seq, { kind, attempt, token, startedAt, workerId, data }, now)
}
