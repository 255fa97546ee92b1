import assert from 'node:assert/strict'
import type { JsonText, LeaseStatus } from '@taskyard/core'
import { overdueReasons } from '../reference/reference-sweep.ts'
import type { ReferenceTask } from '../reference/reference-task.ts'
import { type Outcome, only, SWEEP, succeeded } from '../test-bed.ts'
import type { Model, ModelLease, Real } from './model.ts'

/** All that claim here. */
export const WORKERS = ['w1', 'w2', 'watched'] as const

/** Until a sweep notices, a store may take an overdue lease for dead or alive; the model follows it. */
function isOverdue(model: Model, lease: ModelLease): boolean {
  const entry = heldBy(model, lease)
  return (
    entry?.lease != null && overdueReasons(entry.task, entry.lease, SWEEP.cancelGraceMs, model.clock.now()).length > 0
  )
}

function heldBy({ state }: Model, { taskId, modelToken }: ModelLease): ReferenceTask | null {
  const entry = state.tasks.get(taskId)
  return entry !== undefined && entry.lease !== null && entry.token === modelToken ? entry : null
}

/**
 * Extends a lease on the store and on the model, which must answer the same; see `isOverdue` for the leases that are
 * free.
 */
export async function extendBoth(model: Model, { store }: Real, lease: ModelLease, leaseMs: number): Promise<void> {
  const { taskId, modelToken, realToken } = lease
  const wasOverdue = isOverdue(model, lease)
  const status = only(
    await store.tasks.extend({ namespace: 'default', leases: [{ taskId, token: realToken }], leaseMs }),
  )
  if (wasOverdue && status === 'lost') return
  assert.equal(
    status,
    only(await model.store.tasks.extend({ namespace: 'default', leases: [{ taskId, token: modelToken }], leaseMs })),
  )
}

/** Records progress and a log line under a lease on both, which must answer the same, apart from overdue leases. */
export async function recordBoth(model: Model, { store }: Real, lease: ModelLease, progress: JsonText): Promise<void> {
  const { taskId, modelToken, realToken } = lease
  const wasOverdue = isOverdue(model, lease)
  const status: LeaseStatus = only(
    await store.tasks.record({ namespace: 'default', entries: [{ taskId, token: realToken, progress, log: 'line' }] }),
  )
  if (wasOverdue && status === 'lost') return
  const entries = [{ taskId, token: modelToken, progress, log: 'line' }]
  assert.equal(status, only(await model.store.tasks.record({ namespace: 'default', entries })))
}

/**
 * Settles a lease on both. What the model accepts the store must; of a lease that nobody settled it may tell either.
 */
export async function settleBoth(model: Model, { store }: Real, lease: ModelLease, outcome: Outcome): Promise<void> {
  const { taskId, modelToken, realToken } = lease
  const wasOverdue = isOverdue(model, lease)
  const wasHeld = heldBy(model, lease) !== null
  const settlements = [{ taskId, token: realToken, ...outcome }]
  const result = only((await store.tasks.settle({ namespace: 'default', settlements, claim: null })).results)
  if (wasOverdue && result.status === 'lost') return
  const expected = only(
    (
      await model.store.tasks.settle({
        namespace: 'default',
        settlements: [{ taskId, token: modelToken, ...outcome }],
        claim: null,
      })
    ).results,
  )
  if (wasHeld && expected.status === 'ok') lease.settledAs = outcome.outcome
  if (expected.status === 'ok') {
    assert.ok(result.status === 'ok', 'a settlement, or its repetition, is accepted')
    if (!expected.repeated) assert.equal(result.taskStatus, expected.taskStatus)
  } else if (lease.settledAs === null) {
    // A store need not remember who ended an attempt: where it ended just so, the worker may be told it was heard.
    assert.ok(result.status === 'lost' || result.repeated, 'a lease that was never settled is lost')
  }
}

/** Gives a lease back that is said to end so much later than it does; one that has ended, as if it ended now. */
export function giveBackBoth(model: Model, real: Real, lease: ModelLease, offMs: number): Promise<void> {
  const expiresAt = (heldBy(model, lease)?.lease?.expiresAt ?? model.clock.now()) + offMs
  return settleBoth(model, real, lease, { outcome: 'released', expiresAt })
}

/** The worker of a lease is heard of once it is over. */
export async function takeBackBoth(model: Model, { store }: Real, lease: ModelLease): Promise<void> {
  const { taskId, modelToken, realToken } = lease
  if (heldBy(model, lease) !== null) return
  await store.presence.takeBackCrashes({ namespace: 'default', leases: [{ taskId, token: realToken }] })
  await model.store.presence.takeBackCrashes({ namespace: 'default', leases: [{ taskId, token: modelToken }] })
}

/** Who names a lease in another namespace is answered as if there were none, and changes nothing: so the model does nothing. */
export async function nameInOtherNamespace(
  _model: Model,
  { store }: Real,
  { taskId, realToken }: ModelLease,
): Promise<void> {
  const namespace = 'elsewhere'
  const lease = { taskId, token: realToken }
  const settlements = [{ ...lease, ...succeeded() }]
  assert.deepEqual(await store.tasks.extend({ namespace, leases: [lease], leaseMs: 60_000 }), ['lost'])
  assert.deepEqual(await store.tasks.settle({ namespace, settlements, claim: null }), LOST)
  const entries = [{ ...lease, progress: '1' as JsonText, log: 'line' }]
  assert.deepEqual(await store.tasks.record({ namespace, entries }), ['lost'])
  assert.deepEqual(await store.tasks.cancel({ namespace, taskIds: [taskId] }), [{ kind: 'not-found' }])
  assert.deepEqual(await store.tasks.retry({ namespace, taskIds: [taskId] }), [{ kind: 'not-found' }])
  assert.deepEqual(await store.reads.find({ namespace, taskIds: [taskId] }), [null])
  assert.equal(await store.reads.history({ namespace, taskId, after: 0, limit: 10 }), null)
  await store.presence.takeBackCrashes({ namespace, leases: [lease] })
  const workers = WORKERS.map((workerId) => ({ namespace, workerId }))
  assert.deepEqual(await store.presence.endLeases({ workers }), [])
}

const LOST = { results: [{ status: 'lost' }], tasks: [] }
