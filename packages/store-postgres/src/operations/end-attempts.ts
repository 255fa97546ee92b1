import {
  afterFailure,
  afterLeaseEnd,
  type EndedLease,
  poisonedError,
  type Settlement,
  type TaskError,
  type TaskStatus,
  TaskyardError,
  timeoutError,
  toErrorText,
} from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Run } from '../database.ts'
import type { Lease } from './lease-row.ts'
import { count, newTransitions, type ToFinished, type Transitions, UNSETTLED } from './transitions.ts'
import { writeTransitions } from './write-transitions.ts'

/** Where a task went whose attempt has ended. */
export interface Ended {
  readonly taskStatus: TaskStatus
  readonly runAt: number | null
}

/** Why a lease ends without its worker's word. */
export interface UnsettledEnd {
  readonly reason: EndedLease['reason']
  /** Uniform in [0, 1), for the backoff. */
  readonly jitter: number
  /** Its worker is known to be gone, or nobody would know. */
  readonly isDead: boolean
  /** It was the only lease of its worker, and none of that worker's has ended without word while it was held. */
  readonly isAlone: boolean
}

export type OtherSettlement = Exclude<Settlement, { outcome: 'succeeded' }>

/** Transitions of attempts that end; every lease given to it has been taken out of `leases`. */
export class Endings {
  readonly transitions = newTransitions()
  /** Those whose end counts against tasks that go on. */
  readonly lone: Lease[] = []
  readonly #now: number

  constructor(now: number) {
    this.#now = now
  }

  settle(lease: Lease, settlement: OtherSettlement): Ended {
    count(this.transitions, lease.lane, 'running', -1)
    switch (settlement.outcome) {
      case 'failed':
        return this.#fail(lease, settlement, 'failed')
      case 'cancelled':
        return this.#finish(lease, 'cancelled', null, 'cancelled')
      case 'released':
        return this.#release(lease)
    }
  }

  /** Ends a lease without its worker's word. */
  end(lease: Lease, end: UnsettledEnd): TaskStatus {
    count(this.transitions, lease.lane, 'running', -1)
    switch (end.reason) {
      case 'cancelled':
        return this.#finish(lease, 'cancelled', null, null).taskStatus
      case 'timeout': {
        const error = timeoutError({ ...lease, deadlineAt: lease.deadlineAt ?? this.#now })
        const failure = { error, retryable: true, retryDelayMs: null, jitter: end.jitter }
        return this.#fail(lease, failure, null).taskStatus
      }
      case 'expired':
        return this.#expire(lease, end)
    }
  }

  #finish(
    lease: Lease,
    status: 'failed' | 'cancelled',
    error: TaskError | null,
    settledAs: ToFinished['settledAs'],
  ): Ended {
    this.transitions.finished.push({ ...lease, status, settledAs, error })
    return { taskStatus: status, runAt: null }
  }

  #fail(
    lease: Lease,
    failure: { error: TaskError; retryable: boolean; retryDelayMs: number | null; jitter: number },
    settledAs: 'failed' | null,
  ): Ended {
    const { attempt, maxAttempts, backoff } = lease
    const cancelRequested = lease.cancelRequestedAt !== null
    const next = afterFailure({ attempt, maxAttempts, backoff, cancelRequested, ...failure })
    if (next.status !== 'scheduled') return this.#finish(lease, next.status, failure.error, settledAs)
    const runAt = this.#now + next.delayMs
    const data = `{"error":${toErrorText(failure.error)},"retryAt":"${new Date(runAt).toISOString()}"}`
    this.#goOn(lease, 'retry-scheduled', data, settledAs === null)
    if (next.delayMs > 0) this.transitions.scheduled.push({ ...lease, runAt })
    else this.transitions.ready.push({ ...lease, readyAt: this.#now })
    return { taskStatus: next.delayMs > 0 ? 'scheduled' : 'queued', runAt }
  }

  // The attempt is given back, and so is the task's place in the line.
  #release(lease: Lease): Ended {
    if (lease.cancelRequestedAt !== null) return this.#finish(lease, 'cancelled', null, 'released')
    this.#goOn(lease, 'released', null)
    this.transitions.ready.push({ ...lease, attempt: lease.attempt - 1 })
    return { taskStatus: 'queued', runAt: lease.readyAt }
  }

  #expire(lease: Lease, { isDead, isAlone }: UnsettledEnd): TaskStatus {
    const cancelRequested = lease.cancelRequestedAt !== null
    const { status, ...crashes } = afterLeaseEnd({ ...lease, cancelRequested, isDead, isAlone })
    const expired = { ...lease, ...crashes }
    if (status === 'cancelled') this.#finish(expired, 'cancelled', null, null)
    else if (status === 'failed') this.#finish(expired, 'failed', poisonedError(expired), null)
    else {
      if (crashes.loneCrashes > lease.loneCrashes) this.lone.push(lease)
      this.#goOn(lease, 'lease-expired', JSON.stringify({ workerId: lease.workerId }))
      this.transitions.ready.push({ ...expired, readyAt: this.#now })
    }
    return status
  }

  #goOn(
    lease: Lease,
    kind: 'retry-scheduled' | 'released' | 'lease-expired',
    data: string | null,
    isUnsettled = false,
  ): void {
    const { id, attempt, token, startedAt, workerId } = lease
    const settledAs = isUnsettled ? UNSETTLED : null
    this.transitions.history.push({ id, at: this.#now, kind, attempt, token, startedAt, workerId, data, settledAs })
  }
}

/**
 * Takes leases out and writes where their tasks go, in one round trip.
 * @throws TaskyardError internal, when not as many would go somewhere as are taken: then the transaction must not commit
 */
export async function writeEndings(
  run: Run,
  leases: readonly Lease[],
  transitions: Transitions,
  now: number,
): Promise<void> {
  if (leases.length === 0) return
  const taken = run('DELETE FROM @leases WHERE id = ANY ($1::uuid[]) RETURNING 1', [ids(leases.map(({ id }) => id))])
  const [rows] = await Promise.all([taken, writeTransitions(run, transitions, now)])
  const moved = transitions.ready.length + transitions.scheduled.length + transitions.finished.length
  if (rows.length !== moved) {
    throw new TaskyardError('internal', { reason: `${rows.length} leases ended, ${moved} of their tasks went on` })
  }
}
