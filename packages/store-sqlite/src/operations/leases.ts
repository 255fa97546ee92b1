import {
  afterFailure,
  afterLeaseEnd,
  type EndedLease,
  type EndLeasesParams,
  type ExtendParams,
  type ExtendStatus,
  type LeaseStatus,
  LIMITS,
  poisonedError,
  type RecordParams,
  spreadJitter,
  timeoutError,
  toErrorText,
  workerKey,
} from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'
import { backoffFromText } from '../wire.ts'
import { addLoneCrash, loneCrashesOf } from './lone-crashes.ts'
import { livenessOf } from './presence.ts'
import { addHistory, endAttempt, finish, type Lease, makeReady, makeScheduled, take } from './transition.ts'

const LEASE_COLUMNS = `l.seq, l.lane, l.token, l.attempt, l.crashes, l.worker_id, l.ready_at, l.started_at, l.expires_at,
  l.deadline_at, l.cancel_requested_at, l.session OR l.node_id IS NOT NULL, l.had_company, l.progress, l.bytes`

type LeaseRow = [
  seq: number,
  lane: number,
  token: number,
  attempt: number,
  crashes: number,
  workerId: string,
  readyAt: number,
  startedAt: number,
  expiresAt: number,
  deadlineAt: number | null,
  cancelRequestedAt: number | null,
  isWatched: number,
  hadCompany: number,
  progress: string | null,
  bytes: number,
]

function leaseFromRow(row: LeaseRow): Lease {
  return {
    seq: row[0],
    lane: row[1],
    token: row[2],
    attempt: row[3],
    crashes: row[4],
    workerId: row[5],
    readyAt: row[6],
    startedAt: row[7],
    expiresAt: row[8],
    deadlineAt: row[9],
    cancelRequestedAt: row[10],
    isWatched: row[11] === 1,
    hadCompany: row[12] === 1,
    progress: row[13],
    bytes: row[14],
  }
}

/** The lease, if it is of this namespace and the token is still its token: the condition of every write of a worker. */
export function heldLease(state: State, namespace: string, taskId: string, token: number): Lease | null {
  const select = state.sql(
    `SELECT ${LEASE_COLUMNS} FROM leases l WHERE l.seq = (SELECT seq FROM tasks WHERE id = ?) AND l.token = ?`,
  )
  const row = row1<LeaseRow>(select, taskId, token)
  return row === undefined || !state.lanes.isOf(row[1], namespace) ? null : leaseFromRow(row)
}

/** The port's `extend`. An end may be moved to an earlier time too: it is now + `leaseMs` whatever it was. */
export function extend(state: State, { namespace, leases, leaseMs }: ExtendParams, now: number): ExtendStatus[] {
  return leases.map((ref) => {
    const lease = heldLease(state, namespace, ref.taskId, ref.token)
    if (lease === null) return 'lost'
    state.sql('UPDATE leases SET expires_at = ? WHERE seq = ?').run(now + leaseMs, lease.seq)
    return lease.cancelRequestedAt === null ? 'ok' : 'cancel'
  })
}

/** The port's `record`. Beyond the limits of lines per attempt and task progress is still kept as the newest. */
export function record(state: State, { namespace, entries }: RecordParams, now: number): LeaseStatus[] {
  return entries.map((entry) => {
    const lease = heldLease(state, namespace, entry.taskId, entry.token)
    if (lease === null) return 'lost'
    const { attempt, token } = lease
    if (entry.progress !== null) {
      state.sql('UPDATE leases SET progress = ? WHERE seq = ?').run(entry.progress, lease.seq)
      addRecord(state, lease, () =>
        addHistory(state, lease.seq, { kind: 'progress', attempt, token, data: entry.progress }, now),
      )
    }
    if (entry.log !== null) {
      const data = JSON.stringify({ line: entry.log })
      addRecord(state, lease, () => addHistory(state, lease.seq, { kind: 'log', attempt, token, data }, now))
    }
    return 'ok'
  })
}

function addRecord(state: State, { seq }: Lease, add: () => void): void {
  const counted = state.sql(
    `UPDATE leases SET records = records + 1
     WHERE seq = ? AND records < ? AND (SELECT count(*) FROM history WHERE history.seq = leases.seq) < ?`,
  )
  if (counted.run(seq, LIMITS.recordsPerAttempt, LIMITS.recordsPerTask).changes === 1) add()
}

/** The port's `endLeases`. Of each worker only leases that a beat or session watched, and that nobody alive answers for. */
export function endLeases(state: State, { workers }: EndLeasesParams, now: number): EndedLease[] {
  const select = state.sql(
    `SELECT t.id, t.max_attempts, l.node_id, ${LEASE_COLUMNS} FROM leases l JOIN tasks t USING (seq) WHERE l.worker_id = ?`,
  )
  const isAlive = livenessOf(state, now)
  return workers.flatMap((worker) => {
    const held = rows<[string, number, string | null, ...LeaseRow]>(select, worker.workerId)
      .map(([id, maxAttempts, nodeId, ...row]) => ({ id, maxAttempts, nodeId, lease: leaseFromRow(row) }))
      .filter(({ lease }) => state.lanes.isOf(lease.lane, worker.namespace))
    const ending = held.filter(({ lease, nodeId }) => lease.isWatched && !isAlive(worker, nodeId))
    rememberCompany(
      state,
      ending.map(({ lease }) => lease),
    )
    return ending.map(({ id, maxAttempts, lease }) => {
      const isAlone = held.length === 1 && !lease.hadCompany
      return expireLease(state, id, lease, { maxAttempts, isDead: true, isAlone }, now)
    })
  })
}

export interface OverdueParams {
  readonly cancelGraceMs: number
  readonly limit: number
  readonly jitter: number
}

/** Ends leases that are past their end, their task's deadline, or the grace of a cancel request. */
export function endOverdueLeases(
  state: State,
  { cancelGraceMs, limit, jitter }: OverdueParams,
  now: number,
): EndedLease[] {
  const select = state.sql(
    `SELECT t.id, t.backoff, t.max_attempts, ${LEASE_COLUMNS} FROM leases l JOIN tasks t USING (seq)
     WHERE l.expires_at <= ?1 OR l.deadline_at <= ?1 OR l.cancel_requested_at <= ?2 LIMIT ?3`,
  )
  const found = rows<[string, string | null, number, ...LeaseRow]>(select, now, now - cancelGraceMs, limit)
  if (found.length === 0) return []
  const overdue = found.map(
    ([id, backoff, maxAttempts, ...row]) => [id, backoff, maxAttempts, leaseFromRow(row)] as const,
  )
  const leasesOfWorker = countLeasesOfWorkers(state)
  rememberCompany(
    state,
    overdue.map(([, , , lease]) => lease),
  )
  return overdue.map(([id, backoff, maxAttempts, lease], index) => {
    const { cancelRequestedAt, deadlineAt, isWatched, hadCompany } = lease
    if (cancelRequestedAt !== null && cancelRequestedAt <= now - cancelGraceMs)
      return cancelLease(state, id, lease, now)
    if (deadlineAt === null || deadlineAt > now) {
      // A worker that is watched would have been noticed if it had died: it stood still, or its answer was lost.
      const isAlone = leasesOfWorker(lease) === 1 && !hadCompany
      return expireLease(state, id, lease, { maxAttempts, isDead: !isWatched, isAlone }, now)
    }
    return timeOutLease(state, id, lease, { backoff, maxAttempts, jitter: spreadJitter(jitter, index) }, now)
  })
}

/** Tells how many leases the worker of one holds now. */
function countLeasesOfWorkers(state: State): (lease: Lease) => number {
  const select = state.sql('SELECT namespace, worker_id, count(*) FROM leases JOIN lanes USING (lane) GROUP BY 1, 2')
  const counted = rows<[string, string, number]>(select)
  const counts = new Map(counted.map(([namespace, workerId, leases]) => [workerKey({ namespace, workerId }), leases]))
  return ({ lane, workerId }) => counts.get(workerKey({ ...state.lanes.get(lane), workerId })) ?? 0
}

/** Of a dead worker leases may end one after the other: what it still holds was beside those that end now. */
function rememberCompany(state: State, ending: readonly Lease[]): void {
  state
    .sql(
      `UPDATE leases SET had_company = 1 FROM lanes
       WHERE lanes.lane = leases.lane AND had_company = 0 AND (namespace, worker_id) IN (
         SELECT namespace, worker_id FROM leases JOIN lanes USING (lane) WHERE seq IN (SELECT value FROM json_each(?))
       )`,
    )
    .run(JSON.stringify(ending.map(({ seq }) => seq)))
}

interface Expiry {
  readonly maxAttempts: number
  readonly isDead: boolean
  readonly isAlone: boolean
}

function expireLease(state: State, taskId: string, lease: Lease, expiry: Expiry, now: number): EndedLease {
  const loneBefore = lease.crashes === 0 ? 0 : loneCrashesOf(state, lease.seq)
  const cancelRequested = lease.cancelRequestedAt !== null
  const { status, crashes, loneCrashes } = afterLeaseEnd({
    ...lease,
    ...expiry,
    loneCrashes: loneBefore,
    cancelRequested,
  })
  if (loneCrashes > loneBefore) addLoneCrash(state, lease)
  take(state, 'leases', lease.seq, lease.lane)
  const expired = { ...lease, crashes }
  if (status === 'queued') {
    endAttempt(state, lease, 'lease-expired', JSON.stringify({ workerId: lease.workerId }), now)
    makeReady(state, { ...expired, priority: priorityOf(state, lease.seq) }, now)
  } else {
    const error = status === 'failed' ? poisonedError({ loneCrashes, attempt: lease.attempt }) : null
    finish(state, expired, status, { error }, now)
  }
  return endedLease(state, taskId, lease, 'expired', status)
}

function cancelLease(state: State, taskId: string, lease: Lease, now: number): EndedLease {
  take(state, 'leases', lease.seq, lease.lane)
  finish(state, lease, 'cancelled', {}, now)
  return endedLease(state, taskId, lease, 'cancelled', 'cancelled')
}

function timeOutLease(
  state: State,
  taskId: string,
  lease: Lease,
  { backoff, maxAttempts, jitter }: { backoff: string | null; maxAttempts: number; jitter: number },
  now: number,
): EndedLease {
  const error = timeoutError({ ...lease, deadlineAt: lease.deadlineAt ?? now })
  const failure = { retryable: true, retryDelayMs: null, jitter, error, maxAttempts, backoff }
  const { taskStatus } = failAttempt(state, lease, failure, now)
  return endedLease(state, taskId, lease, 'timeout', taskStatus)
}

export interface AttemptFailure {
  readonly retryable: boolean
  readonly retryDelayMs: number | null
  readonly jitter: number
  readonly error: { readonly code: string; readonly message: string }
  readonly maxAttempts: number
  readonly backoff: string | null
}

/** Ends a failed attempt: the task is scheduled again, failed, or cancelled when that was asked for. */
export function failAttempt(state: State, lease: Lease, failure: AttemptFailure, now: number) {
  const { error, backoff, ...rest } = failure
  const cancelRequested = lease.cancelRequestedAt !== null
  const next = afterFailure({ ...rest, attempt: lease.attempt, backoff: backoffFromText(backoff), cancelRequested })
  take(state, 'leases', lease.seq, lease.lane)
  if (next.status === 'scheduled') {
    const runAt = now + next.delayMs
    const data = `{"error":${toErrorText(error)},"retryAt":"${new Date(runAt).toISOString()}"}`
    endAttempt(state, lease, 'retry-scheduled', data, now)
    if (next.delayMs > 0) makeScheduled(state, lease, runAt)
    else makeReady(state, { ...lease, priority: priorityOf(state, lease.seq) }, now)
    return { taskStatus: next.delayMs > 0 ? ('scheduled' as const) : ('queued' as const), runAt }
  }
  finish(state, lease, next.status, { error }, now)
  return { taskStatus: next.status, runAt: null }
}

/** Rows of `leases` and `scheduled` have no priority: it is read where a task becomes ready. 0 where the task is gone. */
export function priorityOf(state: State, seq: number): number {
  return row1<[number]>(state.sql('SELECT priority FROM tasks WHERE seq = ?'), seq)?.[0] ?? 0
}

function endedLease(
  state: State,
  taskId: string,
  lease: Lease,
  reason: EndedLease['reason'],
  taskStatus: EndedLease['taskStatus'],
): EndedLease {
  const { namespace, queue, type } = state.lanes.get(lease.lane)
  return { taskId, token: lease.token, reason, namespace, queue, type, workerId: lease.workerId, taskStatus }
}
