import {
  type EndedLease,
  isWatched,
  type SweepParams,
  type SweepReport,
  type Task,
  timeoutError,
  workerKey,
} from '@taskyard/core'
import { finishedInOrder } from './reference-read.ts'
import type { ReferenceState } from './reference-state.ts'
import {
  expireLease,
  failAttempt,
  finish,
  holderOf,
  type ReferenceLease,
  type ReferenceTask,
} from './reference-task.ts'

type Ending = EndedLease['reason']

/** Promotes what is due, ends what is overdue and removes what retention no longer keeps, each up to the limit. */
export function sweepState(state: ReferenceState, params: SweepParams, now: number): SweepReport {
  return {
    promoted: promoteDue(state, params.limit, now),
    ended: endOverdue(state, params, now),
    removed: removeFinished(state, params, now),
    nextAt: nextWakeUp(state, params.cancelGraceMs),
  }
}

interface EndWithoutWord {
  readonly entry: ReferenceTask
  readonly lease: ReferenceLease
  readonly reason: Ending
  readonly jitter: number
  readonly isDead: boolean
  readonly isAlone: boolean
}

/** Ends a lease without its worker's word. */
export function endWithoutWord(
  { entry, lease, reason, jitter, isDead, isAlone }: EndWithoutWord,
  now: number,
): EndedLease {
  const startedAt = entry.task.startedAt ?? now
  switch (reason) {
    case 'expired':
      expireLease(entry, { isDead, isAlone }, now)
      break
    case 'timeout':
      failAttempt(
        entry,
        {
          error: timeoutError({ startedAt, deadlineAt: lease.deadlineAt ?? now }),
          retryable: true,
          retryDelayMs: null,
          jitter,
        },
        now,
      )
      break
    case 'cancelled':
      finish(entry, 'cancelled', now)
      break
  }
  const { id, namespace, queue, type, status } = entry.task
  return {
    taskId: id,
    token: entry.token,
    reason,
    namespace,
    queue,
    type,
    workerId: lease.worker.workerId,
    taskStatus: status,
  }
}

/** What the end of a lease by its time says: a worker that is watched would have been noticed if it had died. */
export function expiryOf(entry: ReferenceTask, lease: ReferenceLease, leasesOf: ReadonlyMap<string, number>) {
  return { isDead: !isWatched(lease.worker), isAlone: wasAlone(entry, lease, leasesOf) }
}

/** Whether it was all that its worker held, as far as `leasesOf`, from before this call ended any, tells. */
export function wasAlone(entry: ReferenceTask, lease: ReferenceLease, leasesOf: ReadonlyMap<string, number>): boolean {
  return leasesOf.get(holderOf(entry, lease)) === 1 && !lease.hadCompany
}

/** Of a dead worker leases may end one after the other: what it still holds was beside those that have ended. */
export function rememberCompany({ tasks }: ReferenceState, ended: readonly EndedLease[]): void {
  const workers = new Set(ended.map(workerKey))
  for (const entry of tasks.values())
    if (entry.lease && workers.has(holderOf(entry, entry.lease))) entry.lease.hadCompany = true
}

/** How many leases each worker holds, by its key. */
export function leasesByWorker({ tasks }: ReferenceState): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const entry of tasks.values()) {
    if (entry.lease === null) continue
    const holder = holderOf(entry, entry.lease)
    counts.set(holder, (counts.get(holder) ?? 0) + 1)
  }
  return counts
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
  const leasesOf = leasesByWorker(state)
  for (const entry of state.tasks.values()) {
    const { lease } = entry
    if (lease === null || ended.length === params.limit) continue
    const [reason] = overdueReasons(entry.task, lease, params.cancelGraceMs, now)
    if (reason === undefined) continue
    const expiry = expiryOf(entry, lease, leasesOf)
    ended.push(endWithoutWord({ entry, lease, reason, jitter: params.jitter, ...expiry }, now))
  }
  rememberCompany(state, ended)
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
