import assert from 'node:assert/strict'
import type { ClaimParams, LeasedTask } from '@taskyard/core'
import { readyInOrder } from '../reference/reference-read.ts'
import { type ReferenceTask, startAttempt } from '../reference/reference-task.ts'
import { CLAIM } from '../scene.ts'
import type { Model, Real } from './model.ts'

/** Claims from the store, checks that it took what it should and that every token rose, and lets the model follow. */
export async function claimAndFollow(model: Model, { store }: Real, wanted: Partial<ClaimParams>): Promise<void> {
  const params = { ...CLAIM, ...wanted }
  const ready = readyInOrder(model.state, params, model.clock.now())
  const claimed = await store.claim(params)
  const entries = claimed.map(({ id }) => model.state.tasks.get(id))
  assert.ok(
    entries.every((entry) => entry !== undefined && ready.includes(entry)),
    'only ready tasks are handed out',
  )
  const taken = entries as readonly ReferenceTask[]
  assert.deepEqual(taken.map(priorityOf), ready.slice(0, params.limit).map(priorityOf), 'higher priority goes first')
  assertFirstComeFirstServed(taken, ready)
  for (const task of claimed) follow(model, params, task)
}

/**
 * Among tasks of one priority that were never claimed nor retried before. Where a task that comes back is put in line
 * is the store's choice.
 */
function assertFirstComeFirstServed(taken: readonly ReferenceTask[], ready: readonly ReferenceTask[]): void {
  for (const priority of new Set(taken.map(priorityOf))) {
    const idsOf = (entries: readonly ReferenceTask[]) =>
      entries.filter((entry) => isFresh(entry) && priorityOf(entry) === priority).map(({ task }) => task.id)
    assert.deepEqual(idsOf(taken), idsOf(ready).slice(0, idsOf(taken).length), 'first come, first served')
  }
}

function isFresh({ token, events }: ReferenceTask): boolean {
  return token === 0 && events.every(({ kind }) => kind !== 'retried')
}

function follow(model: Model, { worker, leaseMs }: ClaimParams, { id, lease }: LeasedTask): void {
  const entry = model.state.tasks.get(id) as ReferenceTask
  const earlier = model.leases.filter(({ taskId }) => taskId === id)
  assert.ok(
    earlier.every(({ realToken }) => realToken < lease.token),
    'the token rises',
  )
  startAttempt(entry, worker, leaseMs, model.clock.now())
  model.leases.push({ taskId: id, modelToken: entry.token, realToken: lease.token, settledAs: null })
}

function priorityOf({ task }: ReferenceTask): number {
  return task.priority
}
