import {
  type ClaimParams,
  type JsonText,
  type Settlement,
  type TaskStatus,
  TERMINAL_STATUS_NUMBER,
} from '@taskyard/core'
import type { Lane } from '../lanes.ts'
import { row1, rows, type State } from '../state.ts'
import type { SettledRow, SettledRows, SettlementRow } from '../wire.ts'
import { claim } from './claim.ts'
import { locate } from './find.ts'
import { failAttempt, heldLease, priorityOf } from './leases.ts'
import { countFinished, endAttempt, finish, finishedBytes, type Lease, makeReady, take } from './transition.ts'

export interface SettleRows {
  readonly namespace: string
  readonly settlements: readonly SettlementRow[]
  readonly claim: ClaimParams | null
}

/** The port's `settle`, then the claim that came with it, in the same transaction. */
export function settle(state: State, { namespace, settlements, claim: next }: SettleRows, now: number): SettledRows {
  const results = areOfDifferentTasks(settlements)
    ? settleTogether(state, namespace, settlements, now)
    : settlements.map((settlement) => settleOne(state, namespace, settlement, now))
  const lanes = new Map<number, Lane>()
  for (const result of results) if (result !== null) lanes.set(result[1], state.lanes.get(result[1]))
  return { results, lanes: [...lanes.values()], claimed: next === null ? null : claim(state, next, now) }
}

function areOfDifferentTasks(settlements: readonly SettlementRow[]): boolean {
  return new Set(settlements.map(([taskId]) => taskId)).size === settlements.length
}

// Successes are most of all settlements: theirs go through in a few statements for all, the others one by one.
function settleTogether(
  state: State,
  namespace: string,
  settlements: readonly SettlementRow[],
  now: number,
): SettledRow[] {
  const leases = leasesOf(state, settlements)
  const ended: EndedSuccess[] = []
  const results = settlements.map((settlement, index): SettledRow => {
    const [, token, outcome, result] = settlement
    const lease = leases.get(index)
    if (outcome !== 'succeeded' || lease?.token !== token || !state.lanes.isOf(lease.lane, namespace))
      return settleOne(state, namespace, settlement, now)
    const bytes = finishedBytes(lease.bytes, result)
    ended.push([lease.seq, result, bytes])
    countFinished(state, lease.lane, 'succeeded', bytes)
    state.counters.add(lease.lane, 'running', -1)
    return ['succeeded', lease.lane, Math.max(0, lease.startedAt - lease.readyAt), now - lease.startedAt, null, false]
  })
  if (ended.length > 0) finishSucceeded(state, ended, now)
  return results
}

type RunningLease = Pick<Lease, 'seq' | 'lane' | 'token' | 'readyAt' | 'startedAt' | 'bytes'>

/** By their places among the settlements. */
function leasesOf(state: State, settlements: readonly SettlementRow[]): ReadonlyMap<number, RunningLease> {
  const select = state.sql(
    `SELECT wanted.key, l.seq, l.lane, l.token, l.ready_at, l.started_at, l.bytes FROM json_each(?) wanted
     CROSS JOIN tasks t ON t.id = wanted.value CROSS JOIN leases l ON l.seq = t.seq`,
  )
  type Row = [
    index: number,
    seq: number,
    lane: number,
    token: number,
    readyAt: number,
    startedAt: number,
    bytes: number,
  ]
  const found = rows<Row>(select, JSON.stringify(settlements.map(([taskId]) => taskId)))
  return new Map(
    found.map(([index, seq, lane, token, readyAt, startedAt, bytes]) => {
      return [index, { seq, lane, token, readyAt, startedAt, bytes }]
    }),
  )
}

type EndedSuccess = readonly [seq: number, result: string | null, bytes: number]

function finishSucceeded(state: State, ended: readonly EndedSuccess[], now: number): void {
  const insert = state.sql(
    `INSERT INTO finished (seq, lane, status, attempt, token, crashes, worker_id, started_at, finished_at, result, progress,
       bytes)
     SELECT l.seq, l.lane, ${TERMINAL_STATUS_NUMBER.succeeded}, l.attempt, l.token, l.crashes, l.worker_id, l.started_at, ?1,
       json_extract(ended.value, '$[1]'), l.progress, json_extract(ended.value, '$[2]')
     FROM json_each(?2) ended CROSS JOIN leases l ON l.seq = json_extract(ended.value, '$[0]')`,
  )
  insert.run(now, JSON.stringify(ended))
  const seqs = JSON.stringify(ended.map(([seq]) => seq))
  state.sql('DELETE FROM leases WHERE seq IN (SELECT value FROM json_each(?))').run(seqs)
}

function settleOne(state: State, namespace: string, settlement: SettlementRow, now: number): SettledRow {
  const [taskId, token, outcome, , , expiresAt] = settlement
  const lease = heldLease(state, namespace, taskId, token)
  if (lease === null) return acceptedBefore(state, namespace, settlement)
  if (expiresAt !== undefined && expiresAt !== lease.expiresAt) return null
  const { taskStatus, runAt } = endLease(state, lease, settlement, now)
  rememberSettled(state, lease, outcome, taskStatus)
  const waitMs = Math.max(0, lease.startedAt - lease.readyAt)
  return [taskStatus, lease.lane, waitMs, now - lease.startedAt, runAt, false]
}

function endLease(
  state: State,
  lease: Lease,
  [, , outcome, result, failure]: SettlementRow,
  now: number,
): { taskStatus: TaskStatus; runAt: number | null } {
  switch (outcome) {
    case 'succeeded':
      take(state, 'leases', lease.seq, lease.lane)
      finish(state, lease, 'succeeded', { result: result as JsonText | null }, now)
      return { taskStatus: 'succeeded', runAt: null }
    case 'cancelled':
      return endCancelled(state, lease, now)
    case 'released':
      return lease.cancelRequestedAt === null ? release(state, lease, now) : endCancelled(state, lease, now)
    case 'failed': {
      const task = row1<[number, string | null]>(
        state.sql('SELECT max_attempts, backoff FROM tasks WHERE seq = ?'),
        lease.seq,
      )
      const [maxAttempts, backoff] = task as [number, string | null]
      return failAttempt(state, lease, { ...(failure as NonNullable<typeof failure>), maxAttempts, backoff }, now)
    }
  }
}

function endCancelled(state: State, lease: Lease, now: number) {
  take(state, 'leases', lease.seq, lease.lane)
  finish(state, lease, 'cancelled', {}, now)
  return { taskStatus: 'cancelled' as const, runAt: null }
}

// The attempt is given back, and so is the task's place in the line.
function release(state: State, lease: Lease, now: number) {
  take(state, 'leases', lease.seq, lease.lane)
  endAttempt(state, lease, 'released', null, now)
  const waiting = { ...lease, attempt: lease.attempt - 1, priority: priorityOf(state, lease.seq) }
  makeReady(state, waiting, lease.readyAt)
  return { taskStatus: 'queued' as const, runAt: lease.readyAt }
}

/** A settlement that comes again because its reply was lost is answered as it was the first time. */
function acceptedBefore(state: State, namespace: string, [taskId, token, outcome]: SettlementRow): SettledRow {
  const task = locate(state, namespace, taskId)
  if (task === null) return null
  const wentTo =
    outcome === 'succeeded' ? successOf(state, task, token) : earlierStatus(state, task.seq, token, outcome)
  return wentTo === null ? null : [wentTo, task.lane, 0, 0, null, true]
}

function successOf(state: State, { seq, lane }: { seq: number; lane: number }, token: number): TaskStatus | null {
  const select = state.sql('SELECT 1 FROM finished WHERE lane = ? AND status = ? AND seq = ? AND token = ?')
  return row1(select, lane, TERMINAL_STATUS_NUMBER.succeeded, seq, token) === undefined ? null : 'succeeded'
}

function earlierStatus(state: State, seq: number, token: number, outcome: Settlement['outcome']): TaskStatus | null {
  const select = state.sql('SELECT went_to FROM settled WHERE seq = ? AND token = ? AND outcome = ?')
  return row1<[TaskStatus]>(select, seq, token, outcome)?.[0] ?? null
}

/** Leases of a task whose ends by their workers are remembered: the newest. */
const REMEMBERED = 1000

function rememberSettled(
  state: State,
  { seq, token }: Lease,
  outcome: Settlement['outcome'],
  wentTo: TaskStatus,
): void {
  if (outcome === 'succeeded') return
  state.sql('INSERT INTO settled (seq, token, outcome, went_to) VALUES (?, ?, ?, ?)').run(seq, token, outcome, wentTo)
  if (token > REMEMBERED) state.sql('DELETE FROM settled WHERE seq = ? AND token <= ?').run(seq, token - REMEMBERED)
}
