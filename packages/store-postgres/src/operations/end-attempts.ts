import {
  afterFailure,
  afterLeaseExpiry,
  type EndedLease,
  type Settlement,
  type TaskError,
  type TaskStatus,
} from '@taskyard/core'
import { count, type Lease, newMoves } from './moves.ts'

/** Where a task went whose attempt has ended. */
export interface Ended {
  readonly taskStatus: TaskStatus
  readonly runAt: number | null
}

export type OtherSettlement = Exclude<Settlement, { outcome: 'succeeded' }>

/** Moves of attempts that end; every lease given to it has been taken out of `leases`. */
export function createEndings(now: number) {
  const moves = newMoves()

  function finish(lease: Lease, status: 'failed' | 'cancelled', error: TaskError | null): Ended {
    moves.finished.push({ ...lease, status, error })
    return { taskStatus: status, runAt: null }
  }

  function goOn(lease: Lease, kind: 'retry-scheduled' | 'released' | 'lease-expired', data: string | null): void {
    const { id, attempt, token, startedAt, workerId } = lease
    moves.history.push({ id, at: now, kind, attempt, token, startedAt, workerId, data })
  }

  function fail(
    lease: Lease,
    failure: { error: TaskError; retryable: boolean; retryDelayMs: number | null; jitter: number },
  ): Ended {
    const { attempt, maxAttempts, backoff } = lease
    const cancelRequested = lease.cancelRequestedAt !== null
    const next = afterFailure({ attempt, maxAttempts, backoff, cancelRequested, ...failure })
    if (next.status !== 'scheduled') return finish(lease, next.status, failure.error)
    const runAt = now + next.delayMs
    const { error } = failure
    goOn(lease, 'retry-scheduled', JSON.stringify({ error, retryAt: new Date(runAt).toISOString() }))
    if (next.delayMs > 0) moves.scheduled.push({ ...lease, runAt })
    else moves.ready.push({ ...lease, readyAt: now })
    return { taskStatus: next.delayMs > 0 ? 'scheduled' : 'queued', runAt }
  }

  // The attempt is given back, and so is the task's place in the line.
  function release(lease: Lease): Ended {
    if (lease.cancelRequestedAt !== null) return finish(lease, 'cancelled', null)
    goOn(lease, 'released', null)
    moves.ready.push({ ...lease, attempt: lease.attempt - 1 })
    return { taskStatus: 'queued', runAt: lease.readyAt }
  }

  function expire(lease: Lease): TaskStatus {
    const expired = { ...lease, crashes: lease.crashes + 1 }
    const next = afterLeaseExpiry({ crashes: expired.crashes, cancelRequested: lease.cancelRequestedAt !== null })
    if (next === 'cancelled') finish(expired, 'cancelled', null)
    else if (next === 'failed') finish(expired, 'failed', poisoned(expired.crashes))
    else {
      goOn(lease, 'lease-expired', JSON.stringify({ workerId: lease.workerId }))
      moves.ready.push({ ...expired, readyAt: now })
    }
    return next
  }

  return {
    moves,
    settle(lease: Lease, settlement: OtherSettlement): Ended {
      count(moves, lease.lane, 'running', -1)
      switch (settlement.outcome) {
        case 'failed':
          return fail(lease, settlement)
        case 'cancelled':
          return finish(lease, 'cancelled', null)
        case 'released':
          return release(lease)
      }
    },
    /** Ends a lease without its worker's word. */
    end(lease: Lease, reason: EndedLease['reason'], jitter: number): TaskStatus {
      count(moves, lease.lane, 'running', -1)
      switch (reason) {
        case 'cancelled':
          return finish(lease, 'cancelled', null).taskStatus
        case 'timeout':
          return fail(lease, { error: TIMEOUT, retryable: true, retryDelayMs: null, jitter }).taskStatus
        case 'expired':
          return expire(lease)
      }
    },
  }
}

const TIMEOUT: TaskError = { code: 'timeout', message: `The attempt ran longer than the task's timeoutSeconds` }

function poisoned(crashes: number): TaskError {
  return { code: 'poisoned', message: `Its lease expired ${crashes} times: it seems to bring its workers down` }
}
