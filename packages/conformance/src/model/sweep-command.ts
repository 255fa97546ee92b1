import assert from 'node:assert/strict'
import { backoffDelayMs, type OpenedStore } from '@taskyard/core'
import {
  endWithoutWord,
  expiryOf,
  leasesByWorker,
  overdueReasons,
  rememberCompany,
} from '../reference/reference-sweep.ts'
import type { ReferenceTask } from '../reference/reference-task.ts'
import { only, SWEEP } from '../test-bed.ts'
import type { Model, Real } from './model.ts'

/** Sweeps the store; where a lease is over for several reasons, the model takes the one that the store took. */
export async function sweepAndFollow(model: Model, { store }: Real): Promise<void> {
  const now = model.clock.now()
  const leasesOf = leasesByWorker(model.state)
  const { ended } = await store.upkeep.sweep(SWEEP)
  const reasonOf = new Map(ended.map(({ taskId, reason }) => [taskId, reason]))
  for (const entry of model.state.tasks.values()) {
    const { lease } = entry
    if (lease === null) continue
    const reasons = overdueReasons(entry.task, lease, SWEEP.cancelGraceMs, now)
    const reason = reasonOf.get(entry.task.id)
    reasonOf.delete(entry.task.id)
    assert.equal(reason !== undefined, reasons.length > 0, 'exactly the overdue leases end')
    if (reason === undefined) continue
    assert.ok(reasons.includes(reason), `${reason} is none of ${reasons.join(', ')}`)
    endWithoutWord({ entry, lease, reason, jitter: SWEEP.jitter, ...expiryOf(entry, lease, leasesOf) }, now)
    if (entry.task.status === 'scheduled') await followRetryTime(entry, store, now)
  }
  assert.deepEqual([...reasonOf.keys()], [], 'nothing ends that is not running')
  rememberCompany(model.state, ended)
  await model.store.upkeep.sweep(SWEEP)
  if (ended.length > 0) await passBeyondEnds(model)
}

/** For a store that takes a lease which begins in the millisecond in which others of its worker end for one beside them. */
export async function passBeyondEnds({ clock, capabilities }: Model): Promise<void> {
  if (!capabilities.ordersWithinMillisecond) await clock.advance(1)
}

/** A store may spread the jitter of many timed-out tasks as it likes, within the backoff of each. */
async function followRetryTime(entry: ReferenceTask, store: OpenedStore, now: number): Promise<void> {
  const { id, backoff, attempt } = entry.task
  const runAt = only(await store.reads.find({ namespace: 'default', taskIds: [id] }))?.runAt ?? 0
  const waitMs = runAt - now
  assert.ok(waitMs >= 0 && waitMs <= backoffDelayMs(backoff, attempt, 1), `waits ${waitMs} ms`)
  entry.task = { ...entry.task, runAt }
  entry.readyAt = runAt
}
