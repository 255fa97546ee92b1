import type { EndedLease, SweepParams, SweepReport, Task } from '@taskyard/core'
import { finishedInOrder } from './reference-read.ts'
import type { ReferenceState } from './reference-state.ts'
import { expireLease, failAttempt, finish, type ReferenceLease, type ReferenceTask } from './reference-task.ts'

type Ending = EndedLease['reason']

export function sweepState(state: ReferenceState, params: SweepParams, now: number): SweepReport {
  return {
    promoted: promoteDue(state, params.limit, now),
    ended: endOverdue(state, params, now),
    removed: removeFinished(state, params, now),
    nextAt: nextWakeUp(state, params.cancelGraceMs),
  }
}

/** Ends a lease without its worker's word. */
export function endWithoutWord(
  { lease, ...entry }: { entry: ReferenceTask; lease: ReferenceLease; reason: Ending; jitter: number },
  now: number,
): EndedLease {
  const { entry: ending, reason, jitter } = entry
  switch (reason) {
    case 'expired':
      expireLease(ending, now)
      break
    case 'timeout':
      failAttempt(ending, { error: TIMEOUT, retryable: true, retryDelayMs: null, jitter }, now)
      break
    case 'cancelled':
      finish(ending, 'cancelled', now)
      break
  }
  const { id, queue, type, status } = ending.task
  return { taskId: id, token: ending.token, reason, queue, type, workerId: lease.worker.workerId, taskStatus: status }
}

/** Why a lease should end now, the weightiest reason first; none when it may go on. */
export function overdueReasons(
  { cancelRequestedAt }: Task,
  { deadlineAt, expiresAt }: ReferenceLease,
  cancelGraceMs: number,
  now: number,
): readonly Ending[] {
  const reasons: Ending[] = []
  if (cancelRequestedAt !== null && cancelRequestedAt + cancelGraceMs <= now) reasons.push('cancelled')
  if (deadlineAt !== null && deadlineAt <= now) reasons.push('timeout')
  if (expiresAt <= now) reasons.push('expired')
  return reasons
}

function promoteDue(state: ReferenceState, limit: number, now: number): number {
  const due = [...state.tasks.values()]
    .filter(({ task }) => task.status === 'scheduled' && task.runAt <= now)
    .slice(0, limit)
  for (const entry of due) entry.task = { ...entry.task, status: 'queued' }
  return due.length
}

function endOverdue(state: ReferenceState, params: SweepParams, now: number): readonly EndedLease[] {
  const ended: EndedLease[] = []
  for (const entry of state.tasks.values()) {
    const { lease } = entry
    if (lease === null || ended.length === params.limit) continue
    const [reason] = overdueReasons(entry.task, lease, params.cancelGraceMs, now)
    if (reason !== undefined) ended.push(endWithoutWord({ entry, lease, reason, jitter: params.jitter }, now))
  }
  return ended
}

function removeFinished(state: ReferenceState, { retention, limit }: SweepParams, now: number): number {
  const finished = finishedInOrder(state)
  let bytes = finished.reduce((sum, entry) => sum + bytesOf(entry.task), 0)
  const over = finished.filter(({ task }) => {
    const seconds = task.status === 'failed' ? retention.failedSeconds : retention.succeededSeconds
    const isOver = (task.finishedAt ?? now) + seconds * 1000 <= now || bytes > retention.finishedBytes
    if (isOver) bytes -= bytesOf(task)
    return isOver
  })
  const removed = over.slice(0, limit)
  for (const { task } of removed) state.tasks.delete(task.id)
  return removed.length
}

function bytesOf({ payload, result, progress }: Task): number {
  return Buffer.byteLength(payload) + Buffer.byteLength(result ?? '') + Buffer.byteLength(progress ?? '')
}

function nextWakeUp(state: ReferenceState, cancelGraceMs: number): number | null {
  const times = [...state.tasks.values()].flatMap(({ task, lease }) => {
    if (task.status === 'scheduled') return [task.runAt]
    if (lease === null) return []
    const cancelAt = task.cancelRequestedAt === null ? [] : [task.cancelRequestedAt + cancelGraceMs]
    return [lease.expiresAt, ...(lease.deadlineAt === null ? [] : [lease.deadlineAt]), ...cancelAt]
  })
  return times.length === 0 ? null : Math.min(...times)
}

const TIMEOUT = { code: 'timeout', message: 'The attempt took longer than its timeoutSeconds' }
