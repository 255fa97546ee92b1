import type { AcceptedSettlement, SettleParams, SettleResult, Settlement, TaskStatus } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import type { TaskRow } from '../wire.ts'
import { claim } from './claim.ts'
import { locate } from './find.ts'
import { failAttempt, heldLease } from './leases.ts'
import { endAttempt, finish, type Lease, makeReady, STATUS_NUMBER, take } from './move.ts'
import { priorityOf } from './leases.ts'

export function settle(
  state: State,
  { settlements, claim: next }: SettleParams,
  now: number,
): { results: SettleResult[]; tasks: TaskRow[] } {
  const results = settlements.map((settlement) => settleOne(state, settlement, now))
  return { results, tasks: next === null ? [] : claim(state, next, now) }
}

function settleOne(state: State, settlement: Settlement, now: number): SettleResult {
  const lease = heldLease(state, settlement)
  if (lease === null) return acceptedBefore(state, settlement) ?? { status: 'lost' }
  const { taskStatus, runAt } = endLease(state, lease, settlement, now)
  return accepted(state, lease, taskStatus, runAt, now)
}

function endLease(
  state: State,
  lease: Lease,
  settlement: Settlement,
  now: number,
): { taskStatus: TaskStatus; runAt: number | null } {
  switch (settlement.outcome) {
    case 'succeeded':
      take(state, 'leases', lease.seq, lease.lane)
      finish(state, lease, 'succeeded', { result: settlement.result }, now)
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
      return failAttempt(state, lease, { ...settlement, maxAttempts, backoff }, now)
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

function accepted(
  state: State,
  lease: Lease,
  taskStatus: TaskStatus,
  runAt: number | null,
  now: number,
): AcceptedSettlement {
  const { queue, type } = state.lanes.get(lease.lane)
  const waitMs = Math.max(0, lease.startedAt - lease.readyAt)
  return { status: 'ok', taskStatus, repeated: false, queue, type, waitMs, runMs: now - lease.startedAt, runAt }
}

/** A settlement that comes again because its reply was lost is answered as it was the first time. */
function acceptedBefore(state: State, { taskId, token, outcome }: Settlement): AcceptedSettlement | null {
  const task = locate(state, taskId)
  if (task === null) return null
  const taskStatus = endedUnder(state, task.seq, task.lane, token, outcome)
  if (taskStatus === null) return null
  const { queue, type } = state.lanes.get(task.lane)
  return { status: 'ok', taskStatus, repeated: true, queue, type, waitMs: 0, runMs: 0, runAt: null }
}

function endedUnder(
  state: State,
  seq: number,
  lane: number,
  token: number,
  outcome: Settlement['outcome'],
): TaskStatus | null {
  if (outcome !== 'released') {
    const finished = state.sql(
      'SELECT 1 FROM finished WHERE lane = ? AND status = ? AND seq = ? AND token = ? AND worker_id IS NOT NULL',
    )
    if (row1(finished, lane, STATUS_NUMBER[outcome], seq, token) !== undefined) return outcome
  }
  if (outcome !== 'failed' && outcome !== 'released') return null
  const kind = outcome === 'failed' ? 'retry-scheduled' : 'released'
  const ended = state.sql('SELECT 1 FROM history WHERE seq = ? AND token = ? AND kind = ?')
  if (row1(ended, seq, token, kind) === undefined) return null
  return outcome === 'failed' ? 'scheduled' : 'queued'
}
