import { type ClaimParams, type LeasedTask, untilSuspect } from '@taskyard/core'
import { readyInOrder } from './reference-read.ts'
import type { ReferenceState } from './reference-state.ts'
import { type ReferenceTask, startAttempt } from './reference-task.ts'

/** Claims as the port says: the leases of a repeated claim again, or what is ready, a suspect alone. */
export function claimReady(state: ReferenceState, params: ClaimParams, now: number): readonly LeasedTask[] {
  const given = givenBefore(state, params)
  const entries =
    given.length > 0
      ? given
      : untilSuspect(readyInOrder(state, params, now).slice(0, params.limit), ({ task }) => task.crashes)
  return entries.map((entry) => {
    const { lease } = entry
    if (lease === null) {
      startAttempt(entry, params, now)
      return { ...entry.task, lease: { token: entry.token, expiresAt: now + params.leaseMs } }
    }
    lease.expiresAt = Math.max(now + params.leaseMs, lease.expiresAt + 1)
    return { ...entry.task, lease: { token: entry.token, expiresAt: lease.expiresAt, again: true } }
  })
}

/** What this very call has given and still holds, higher priority and earlier submission first. */
export function givenBefore(
  state: ReferenceState,
  { requestId, worker, namespace }: ClaimParams,
): readonly ReferenceTask[] {
  if (requestId === null) return []
  const held = [...state.tasks.values()].filter(
    ({ task, lease }) =>
      lease?.requestId === requestId && lease.worker.workerId === worker.workerId && task.namespace === namespace,
  )
  return held.sort((one, other) => other.task.priority - one.task.priority || one.arrival - other.arrival)
}
