import { type ExtendParams, type ExtendStatus, isLeaseRef, type LeaseRef, TaskyardError } from '@taskyard/core'
import type { AnyBulkWriteOperation } from 'mongodb'
import type { Collections } from '../collections.ts'
import type { RunningTask, TaskDocument } from '../documents.ts'
import { idIn, isInNamespace, MOST_ROUNDS } from '../write-transitions.ts'

type Held = Pick<
  RunningTask,
  '_id' | 'namespace' | 'state' | 'token' | 'expiresAt' | 'deadlineAt' | 'cancelRequestedAt'
>
const HELD = { namespace: 1, state: 1, token: 1, expiresAt: 1, deadlineAt: 1, cancelRequestedAt: 1 } as const
type Tasks = Pick<Collections, 'tasks'>

/**
 * Extends leases, each conditional on its token. What changed between reading and writing is read again: a lease that bears the
 * new end by then was moved. Needs the tasks alone, so that a heartbeat thread can use it.
 */
export async function extend(
  database: Tasks,
  { namespace, leases, leaseMs }: ExtendParams,
  now: number,
): Promise<ExtendStatus[]> {
  const expiresAt = now + leaseMs
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = await read(database, namespace, leases)
    const held = heldOf(found, leases)
    const open = round === 0 ? held : held.filter((task) => task.expiresAt !== expiresAt)
    if (await moveEnds(database, open, () => expiresAt, cancelAsRead))
      return leases.map((lease) => statusOf(heldBy(found, lease)))
  }
  throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
}

async function read(
  { tasks }: Tasks,
  namespace: string,
  leases: readonly LeaseRef[],
): Promise<ReadonlyMap<string, Held>> {
  const ids = [...new Set(leases.filter(isLeaseRef).map(({ taskId }) => taskId))]
  if (ids.length === 0) return new Map()
  const found = await tasks.find({ ...idIn(ids), state: 'running' }, { projection: HELD }).toArray()
  const own = (found as Held[]).filter((task) => isInNamespace(namespace, task))
  return new Map(own.map((task) => [task._id, task]))
}

function heldBy(found: ReadonlyMap<string, Held>, { taskId, token }: LeaseRef): Held | null {
  const task = found.get(taskId)
  return task?.token === token ? task : null
}

function heldOf(found: ReadonlyMap<string, Held>, leases: readonly LeaseRef[]): readonly Held[] {
  const held = leases.map((lease) => heldBy(found, lease)).filter((task) => task !== null)
  return [...new Set(held)]
}

function statusOf(task: Held | null): ExtendStatus {
  if (task === null) return 'lost'
  return task.cancelRequestedAt == null ? 'ok' : 'cancel'
}

/** What a new end depends on: the lease, and whether it was asked to stop. */
export function cancelAsRead({ token, cancelRequestedAt }: Held) {
  return { token, cancelRequestedAt: cancelRequestedAt ?? null }
}

/**
 * Moves the ends of leases.
 * @param guardOf what must still be as it was read
 * @returns whether it was so of all of them
 */
export async function moveEnds<Task extends Held>(
  { tasks }: Tasks,
  held: readonly Task[],
  endOf: (task: Task) => number,
  guardOf: (task: Task) => object,
): Promise<boolean> {
  if (held.length === 0) return true
  const updates = held.map((task) => {
    const expiresAt = endOf(task)
    return { id: task._id, guard: guardOf(task), $set: { expiresAt, wakeAt: wakeAt(task, expiresAt) } }
  })
  const alike = Map.groupBy(updates, ({ guard, $set }) => JSON.stringify([guard, $set]))
  const operations = [...alike.values()].map((group) => {
    const [{ guard, $set }] = group as [(typeof updates)[number]]
    return {
      updateMany: { filter: { ...idIn(group.map(({ id }) => id)), state: 'running', ...guard }, update: { $set } },
    }
  })
  const { matchedCount } = await tasks.bulkWrite(operations as unknown as AnyBulkWriteOperation<TaskDocument>[], {
    ordered: false,
  })
  return matchedCount === held.length
}

// A task that was asked to stop is looked at by the next sweep, which knows how long its grace is.
function wakeAt({ deadlineAt, cancelRequestedAt }: Held, expiresAt: number): number {
  return Math.min(expiresAt, deadlineAt ?? expiresAt, cancelRequestedAt ?? expiresAt)
}
