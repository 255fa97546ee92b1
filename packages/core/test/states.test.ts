import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type AfterFailure,
  afterFailure,
  afterLeaseEnd,
  type FailedAttempt,
  isTerminal,
  POISON_ATTEMPTS,
  POISON_CRASHES,
  TASK_STATUSES,
  type TaskStatus,
  type TaskTransition,
  transition,
  type UnsettledLease,
} from '@taskyard/core'
import fc from 'fast-check'
import { backoffs, jitters } from './arbitraries.ts'

// DESIGN's table, written down a second time: a change of the state machine has to be made in both places.
const EVENTS: readonly TaskTransition[] = [
  'due',
  'claim',
  'succeed',
  'retry-later',
  'fail',
  'release',
  'lease-expired',
  'cancel',
  'retry',
]
const ALLOWED: Readonly<Record<string, TaskStatus>> = {
  'blocked cancel': 'cancelled',
  'scheduled due': 'queued',
  'scheduled cancel': 'cancelled',
  'queued claim': 'running',
  'queued cancel': 'cancelled',
  'running succeed': 'succeeded',
  'running retry-later': 'scheduled',
  'running fail': 'failed',
  'running release': 'queued',
  'running lease-expired': 'queued',
  'running cancel': 'cancelled',
  'failed retry': 'queued',
  'cancelled retry': 'queued',
}

describe('state machine', () => {
  for (const from of TASK_STATUSES) {
    for (const event of EVENTS) {
      const to = ALLOWED[`${from} ${event}`] ?? null
      it(`${from} + ${event} → ${to ?? 'not allowed'}`, () => {
        assert.equal(transition(from, event), to)
      })
    }
  }

  it('leaves a terminal state by nothing but a retry, whatever happens', () => {
    const events = fc.array(fc.constantFrom(...EVENTS.filter((event) => event !== 'retry')), { maxLength: 30 })
    fc.assert(
      fc.property(fc.constantFrom(...TASK_STATUSES), events, (start, happening) => {
        const path = walk(start, happening)
        const ended = path.findIndex(isTerminal)
        if (ended >= 0) assert.deepEqual(new Set(path.slice(ended)).size, 1)
      }),
    )
  })

  it('never runs a task that was not claimed', () => {
    for (const from of TASK_STATUSES) {
      for (const event of EVENTS) if (transition(from, event) === 'running') assert.equal(event, 'claim')
    }
  })

  it('calls exactly succeeded, failed and cancelled terminal', () => {
    assert.deepEqual(TASK_STATUSES.filter(isTerminal), ['succeeded', 'failed', 'cancelled'])
  })
})

describe('after a failed attempt', () => {
  it('goes only where the state machine allows', () => {
    const event = { scheduled: 'retry-later', failed: 'fail', cancelled: 'cancel' } as const
    fc.assert(
      fc.property(failedAttempts, (failed) => {
        const { status } = afterFailure(failed)
        assert.equal(transition('running', event[status]), status)
      }),
    )
  })

  it('cancels when that was requested, whatever else is true', () => {
    fc.assert(
      fc.property(failedAttempts, (failed) => {
        assert.deepEqual(afterFailure({ ...failed, cancelRequested: true }), { status: 'cancelled' })
      }),
    )
  })

  it('tries again exactly when it is retryable and attempts are left', () => {
    fc.assert(
      fc.property(failedAttempts, (failed) => {
        const after: AfterFailure = afterFailure({ ...failed, cancelRequested: false })
        const goesOn = failed.retryable && failed.attempt < failed.maxAttempts
        assert.equal(after.status, goesOn ? 'scheduled' : 'failed')
      }),
    )
  })

  it('waits as the worker wishes, zero included', () => {
    fc.assert(
      fc.property(failedAttempts, fc.nat(1e9), (failed, retryDelayMs) => {
        const after = afterFailure({
          ...failed,
          cancelRequested: false,
          retryable: true,
          attempt: 1,
          maxAttempts: 2,
          retryDelayMs,
        })
        assert.deepEqual(after, { status: 'scheduled', delayMs: retryDelayMs })
      }),
    )
  })
})

const expired: UnsettledLease = {
  crashes: 0,
  loneCrashes: 0,
  attempt: 1,
  maxAttempts: 10,
  cancelRequested: false,
  isDead: true,
  isAlone: true,
}

describe('after a lease that ended without its worker', () => {
  it('quarantines after three crashes of workers that ran nothing else', () => {
    assert.equal(POISON_CRASHES, 3)
    assert.deepEqual(
      [0, 1, 2].map((crashes) => afterLeaseEnd({ ...expired, crashes, loneCrashes: crashes }).status),
      ['queued', 'queued', 'failed'],
    )
  })

  it('counts a crash beside others without holding it against the task', () => {
    const after = afterLeaseEnd({ ...expired, crashes: 7, loneCrashes: 2, isAlone: false })
    assert.deepEqual(after, { status: 'queued', crashes: 8, loneCrashes: 2 })
  })

  it('counts no crash where the worker may live', () => {
    const after = afterLeaseEnd({ ...expired, crashes: 2, loneCrashes: 2, isDead: false })
    assert.deepEqual(after, { status: 'queued', crashes: 2, loneCrashes: 2 })
  })

  it('quarantines after many attempts, however they ended', () => {
    const lost = { ...expired, isDead: false }
    assert.equal(afterLeaseEnd({ ...lost, attempt: POISON_ATTEMPTS - 1 }).status, 'queued')
    assert.equal(afterLeaseEnd({ ...lost, attempt: POISON_ATTEMPTS }).status, 'failed')
    assert.equal(afterLeaseEnd({ ...lost, attempt: POISON_ATTEMPTS, maxAttempts: 50 }).status, 'queued')
    assert.equal(afterLeaseEnd({ ...lost, attempt: 50, maxAttempts: 50 }).status, 'failed')
  })

  it('cancels when that was requested', () => {
    for (const loneCrashes of [0, 2]) {
      assert.equal(afterLeaseEnd({ ...expired, loneCrashes, cancelRequested: true }).status, 'cancelled')
    }
  })
})

const failedAttempts: fc.Arbitrary<FailedAttempt> = fc.record({
  attempt: fc.integer({ min: 1, max: 1000 }),
  maxAttempts: fc.integer({ min: 1, max: 1000 }),
  backoff: backoffs,
  retryable: fc.boolean(),
  retryDelayMs: fc.option(fc.nat(1e9)),
  cancelRequested: fc.boolean(),
  jitter: jitters,
})

/** Every state on the way, the forbidden events passed over. */
function walk(start: TaskStatus, events: readonly TaskTransition[]): readonly TaskStatus[] {
  const path = [start]
  for (const event of events) path.push(transition(path.at(-1) as TaskStatus, event) ?? (path.at(-1) as TaskStatus))
  return path
}
