import {
  type AcceptedSettlement,
  type CancelOutcome,
  type DeleteOutcome,
  isTerminal,
  type LeaseRef,
  type OpenedStore,
  RETRYABLE_STATUSES,
  type RetryOutcome,
  type Settlement,
  type SettleResult,
  type TaskStatus,
  TERMINAL_STATUSES,
} from '@taskyard/core'
import { claimReady } from './reference-claim.ts'
import { enqueueSubmission } from './reference-enqueue.ts'
import { type ReferenceState, taskOf } from './reference-state.ts'
import {
  asRead,
  finish,
  isWaiting,
  type ReferenceTask,
  recordEntry,
  requestCancel,
  retryTask,
  settleAttempt,
} from './reference-task.ts'

/** Runs a call, and tells of what became ready in it. */
export type Answer = <Reply>(reply: (now: number) => Reply) => Promise<Reply>

/** The `tasks` facet of the reference store. */
export function tasksOf(state: ReferenceState, answer: Answer): OpenedStore['tasks'] {
  return {
    enqueue: ({ submissions, queueDepth }) =>
      answer((now) => submissions.map(({ tasks }) => enqueueSubmission(state, tasks, queueDepth, now))),
    claim: (params) => answer((now) => claimReady(state, params, now)),
    extend: ({ namespace, leases, leaseMs }) =>
      answer((now) =>
        leases.map((ref) => {
          const entry = heldBy(state, namespace, ref)
          if (entry?.lease == null) return 'lost'
          entry.lease.expiresAt = now + leaseMs
          return entry.task.cancelRequestedAt === null ? 'ok' : 'cancel'
        }),
      ),
    settle: ({ namespace, settlements, claim }) =>
      answer((now) => ({
        results: settlements.map((settlement) => settleOne(state, namespace, settlement, now)),
        tasks: claim === null ? [] : claimReady(state, claim, now),
      })),
    record: ({ namespace, entries }) =>
      answer((now) =>
        entries.map((recorded) => {
          const entry = heldBy(state, namespace, recorded)
          if (entry === null) return 'lost'
          recordEntry(entry, recorded, now)
          return 'ok'
        }),
      ),
    cancel: ({ namespace, taskIds }) =>
      answer((now) => taskIds.map((id) => cancelOne(taskOf(state, namespace, id), now))),
    retry: ({ namespace, taskIds, statuses }) =>
      answer((now) => taskIds.map((id) => retryOne(taskOf(state, namespace, id), now, statuses))),
    delete: ({ namespace, taskIds, statuses }) =>
      answer((now) => taskIds.map((id) => deleteOne(state, taskOf(state, namespace, id), now, statuses))),
  }
}

function heldBy(state: ReferenceState, namespace: string, { taskId, token }: LeaseRef): ReferenceTask | null {
  const entry = taskOf(state, namespace, taskId)
  return entry !== undefined && entry.lease !== null && entry.token === token ? entry : null
}

function settleOne(state: ReferenceState, namespace: string, settlement: Settlement, now: number): SettleResult {
  const held = heldBy(state, namespace, settlement)
  if (held !== null) {
    if (settlement.outcome === 'released' && isOutdated(held, settlement.expiresAt)) return { status: 'lost' }
    settleAttempt(held, settlement, now)
    return acceptedSettlement(held, settlement.token, false)
  }
  const entry = taskOf(state, namespace, settlement.taskId)
  const isRepeat = entry?.settled.get(settlement.token)?.outcome === settlement.outcome
  return entry !== undefined && isRepeat ? acceptedSettlement(entry, settlement.token, true) : { status: 'lost' }
}

function isOutdated({ lease }: ReferenceTask, expiresAt: number | undefined): boolean {
  return expiresAt !== undefined && lease?.expiresAt !== expiresAt
}

function acceptedSettlement({ task, settled }: ReferenceTask, token: number, repeated: boolean): AcceptedSettlement {
  const { namespace, queue, type, status, runAt } = task
  const { waitMs = 0, runMs = 0, wentTo = status } = settled.get(token) ?? {}
  return {
    status: 'ok',
    taskStatus: wentTo,
    repeated,
    namespace,
    queue,
    type,
    waitMs,
    runMs,
    runAt: isTerminal(wentTo) ? null : runAt,
  }
}

function cancelOne(entry: ReferenceTask | undefined, now: number): CancelOutcome {
  if (entry === undefined) return { kind: 'not-found' }
  if (isWaiting(entry.task.status)) {
    finish(entry, 'cancelled', now)
    return { kind: 'cancelled' }
  }
  if (entry.lease === null) return { kind: 'ended', status: entry.task.status }
  requestCancel(entry, now)
  return { kind: 'requested', workerId: entry.lease.worker.workerId }
}

function retryOne(
  entry: ReferenceTask | undefined,
  now: number,
  statuses: readonly TaskStatus[] = RETRYABLE_STATUSES,
): RetryOutcome {
  if (entry === undefined) return { kind: 'not-found' }
  const { status } = asRead(entry, now)
  if (!statuses.includes(status)) return { kind: 'not-retryable', status }
  retryTask(entry, now)
  return { kind: 'retried' }
}

function deleteOne(
  { tasks }: ReferenceState,
  entry: ReferenceTask | undefined,
  now: number,
  statuses: readonly TaskStatus[] = TERMINAL_STATUSES,
): DeleteOutcome {
  if (entry === undefined) return { kind: 'not-found' }
  const { id, status } = asRead(entry, now)
  if (!statuses.includes(status)) return { kind: 'kept', status }
  tasks.delete(id)
  return { kind: 'deleted' }
}
