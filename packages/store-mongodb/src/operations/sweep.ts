import { type EndedLease, type SweepParams, type SweepReport, spreadJitter, workerKey } from '@taskyard/core'
import type { Database } from '../database.ts'
import { LIGHT, type RunningTask } from '../documents.ts'
import { endUnsettled, whileItEndsAt } from '../transitions.ts'
import { recoverEnvelopes } from './envelopes.ts'
import {
  applyEndings,
  type Ending,
  isHolderWatched,
  leasesByHolder,
  leasesByWorker,
  rememberCompany,
  wasAlone,
} from './holders.ts'
import { promoteDue } from './promote.ts'
import { forgetKeys, removeFinished } from './retention.ts'
import { verifyCounts } from './verify-counts.ts'

/** The port's `sweep`, its chores side by side. `nextAt` is now while any of them has more to do. */
export async function sweep(database: Database, params: SweepParams, now: number): Promise<SweepReport> {
  await Promise.all([recoverEnvelopes(database, now), database.counters.flush()])
  const [promoted, { ended, isBehind: hasMoreLeases }, removed, forgotten] = await Promise.all([
    promoteDue(database, now, params.limit),
    endOverdue(database, params, now),
    removeFinished(database, params.retention, params.limit, now),
    forgetKeys(database, params.limit, now),
    verifyCounts(database, now),
  ])
  const isBehind = hasMoreLeases || [promoted, removed, forgotten].some((count) => count >= params.limit)
  return { ended, promoted, removed, nextAt: isBehind ? now : await nextWake(database) }
}

async function endOverdue(
  database: Database,
  params: SweepParams,
  now: number,
): Promise<{ ended: readonly EndedLease[]; isBehind: boolean }> {
  const { limit, jitter, cancelGraceMs } = params
  const isAwake = { state: 'running', wakeAt: { $lte: now } } as const
  if ((await database.tasks.findOne(isAwake, { projection: { _id: 1 } })) === null)
    return { ended: [], isBehind: false }
  // Counted before they are read: what another sweep has ended before the count has left its mark on those that are read.
  const groups = await leasesByHolder(database, { namespace: null })
  const leasesOf = leasesByWorker(groups)
  const awake = await database.tasks.find(isAwake, { projection: LIGHT }).sort({ wakeAt: 1 }).limit(limit).toArray()
  const early: RunningTask[] = []
  const endings: Ending[] = []
  for (const [index, task] of (awake as RunningTask[]).entries()) {
    const reason = overdueReason(task, cancelGraceMs, now)
    if (reason === null) {
      early.push(task)
      continue
    }
    const facts = { isDead: !isHolderWatched(task.holder), isAlone: wasAlone(task, leasesOf) }
    const transition = endUnsettled(task, { reason, jitter: spreadJitter(jitter, index), ...facts }, now)
    // A lease ends for its time only while that is still what was read.
    endings.push({
      task,
      reason,
      transition: reason === 'expired' ? whileItEndsAt(task.expiresAt, transition) : transition,
    })
  }
  await rememberCompany(database, groups, new Set(endings.map(({ task }) => workerKey(task))))
  const ended = await applyEndings(database, endings, now)
  await postpone(database, early, cancelGraceMs)
  return { ended, isBehind: awake.length === limit }
}

/** Why a lease should end now, the weightiest reason first. */
function overdueReason(
  { cancelRequestedAt, deadlineAt, expiresAt }: RunningTask,
  cancelGraceMs: number,
  now: number,
): EndedLease['reason'] | null {
  if (cancelRequestedAt !== undefined && cancelRequestedAt + cancelGraceMs <= now) return 'cancelled'
  if (deadlineAt !== undefined && deadlineAt <= now) return 'timeout'
  return expiresAt <= now ? 'expired' : null
}

// Tasks that were asked to stop: only here it is known how long their grace is.
async function postpone({ tasks }: Database, early: readonly RunningTask[], cancelGraceMs: number): Promise<void> {
  for (const { _id, token, wakeAt, cancelRequestedAt = 0, deadlineAt, expiresAt } of early) {
    const next = Math.min(cancelRequestedAt + cancelGraceMs, expiresAt, deadlineAt ?? expiresAt)
    await tasks.updateOne({ _id, state: 'running', token, wakeAt }, { $set: { wakeAt: next } })
  }
}

async function nextWake({ tasks }: Database): Promise<number | null> {
  const [[lease], [scheduled]] = await Promise.all([
    tasks
      .find({ state: 'running' }, { projection: { wakeAt: 1 } })
      .sort({ wakeAt: 1 })
      .limit(1)
      .toArray(),
    tasks
      .find({ state: 'scheduled' }, { projection: { runAt: 1 } })
      .sort({ runAt: 1 })
      .limit(1)
      .toArray(),
  ])
  const next = Math.min(lease?.wakeAt ?? Number.POSITIVE_INFINITY, scheduled?.runAt ?? Number.POSITIVE_INFINITY)
  return next === Number.POSITIVE_INFINITY ? null : next
}
