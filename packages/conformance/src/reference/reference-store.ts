import {
  type AcceptedSettlement,
  type CancelOutcome,
  type Clock,
  isTerminal,
  isWatched,
  type LeaseRef,
  type OpenedStore,
  type ReadyLane,
  type ReadyListener,
  type RetryOutcome,
  type Settlement,
  type SettleResult,
  TaskyardError,
  unhealthy,
} from '@taskyard/core'
import { claimReady } from './reference-claim.ts'
import { enqueueSubmission } from './reference-enqueue.ts'
import { countQueues, isAlive, leaseHolders, listTasks } from './reference-read.ts'
import { emptyReferenceState, type ReferenceState } from './reference-state.ts'
import { endWithoutWord, leasesByWorker, rememberCompany, sweepState, wasAlone } from './reference-sweep.ts'
import {
  asRead,
  finish,
  isWaiting,
  laneKey,
  type ReferenceTask,
  recordEntry,
  requestCancel,
  retryTask,
  settleAttempt,
  takeBackCrash,
} from './reference-task.ts'

/**
 * The port in its plainest form: a map in memory, no speed, no durability. It is what the model-based test compares
 * every other store with, and passes the suite itself.
 */
export function createReferenceStore(clock: Clock, state: ReferenceState = emptyReferenceState()): OpenedStore {
  const listeners = new Set<ReadyListener>()
  let closed = false

  async function answer<Reply>(reply: (now: number) => Reply): Promise<Reply> {
    if (closed) throw new TaskyardError('store_unavailable', { reason: 'it is closed' })
    const readyBefore = readyTasks(state)
    const result = reply(clock.now())
    announceReady(listeners, newlyReady(state, readyBefore))
    return result
  }

  return {
    tasks: {
      enqueue: ({ submissions, queueDepth }) =>
        answer((now) => submissions.map(({ tasks }) => enqueueSubmission(state, tasks, queueDepth, now))),
      claim: (params) => answer((now) => claimReady(state, params, now)),
      extend: ({ leases, leaseMs }) =>
        answer((now) =>
          leases.map((ref) => {
            const entry = heldBy(state, ref)
            if (entry?.lease == null) return 'lost'
            entry.lease.expiresAt = now + leaseMs
            return entry.task.cancelRequestedAt === null ? 'ok' : 'cancel'
          }),
        ),
      settle: ({ settlements, claim }) =>
        answer((now) => ({
          results: settlements.map((settlement) => settleOne(state, settlement, now)),
          tasks: claim === null ? [] : claimReady(state, claim, now),
        })),
      record: ({ entries }) =>
        answer((now) =>
          entries.map((recorded) => {
            const entry = heldBy(state, recorded)
            if (entry === null) return 'lost'
            recordEntry(entry, recorded, now)
            return 'ok'
          }),
        ),
      cancel: ({ taskIds }) => answer((now) => taskIds.map((id) => cancelOne(state.tasks.get(id), now))),
      retry: ({ taskIds }) => answer((now) => taskIds.map((id) => retryOne(state.tasks.get(id), now))),
    },
    reads: {
      find: ({ taskIds }) => answer((now) => taskIds.map((id) => readOne(state.tasks.get(id), now))),
      list: (params) => answer((now) => listTasks(state, params, now)),
      history: ({ taskId, after, limit }) =>
        answer(() => state.tasks.get(taskId)?.events.slice(after, after + limit) ?? null),
      counts: (params) => answer((now) => countQueues(state, params, now)),
    },
    queues: {
      pause: ({ namespace, queue, paused }) =>
        answer(() => {
          if (paused) state.paused.add(laneKey({ namespace, queue }))
          else state.paused.delete(laneKey({ namespace, queue }))
        }),
    },
    presence: {
      beat: ({ nodeId, workerIds, ttlMs }) =>
        answer((now) => void state.nodes.set(nodeId, { workerIds, until: now + ttlMs })),
      holders: () => answer((now) => leaseHolders(state, now)),
      endLeases: ({ workerIds }) =>
        answer((now) => {
          const leasesOf = leasesByWorker(state)
          const ended = [...state.tasks.values()].flatMap((entry) => {
            const { lease } = entry
            if (lease === null || !isWatched(lease.worker) || !workerIds.includes(lease.worker.workerId)) return []
            if (isAlive(state, lease.worker, now)) return []
            const isAlone = wasAlone(lease, leasesOf)
            return [endWithoutWord({ entry, lease, reason: 'expired', jitter: 0, isDead: true, isAlone }, now)]
          })
          rememberCompany(state, ended)
          return ended
        }),
      takeBackCrashes: ({ leases }) =>
        answer(() => {
          for (const { taskId, token } of leases) {
            const entry = state.tasks.get(taskId)
            if (entry !== undefined) takeBackCrash(entry, token)
          }
        }),
    },
    upkeep: { sweep: (params) => answer((now) => sweepState(state, params, now)) },
    wakeUps: {
      subscribe(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    news: null,
    lifecycle: {
      durability: 'none: the reference store lives in memory',
      migrate: () => answer(() => ({ from: 1, to: 1 })),
      health: () =>
        answer(() => ({ healthy: true, latencyMs: 0, reason: null, sizeBytes: null })).catch((error) =>
          unhealthy(error, 0),
        ),
      threadAccess() {
        throw new TaskyardError('internal', { reason: 'the reference store cannot be reached from another thread' })
      },
      async close() {
        closed = true
      },
    },
  }
}

function heldBy(state: ReferenceState, { taskId, token }: LeaseRef): ReferenceTask | null {
  const entry = state.tasks.get(taskId)
  return entry !== undefined && entry.lease !== null && entry.token === token ? entry : null
}

function settleOne(state: ReferenceState, settlement: Settlement, now: number): SettleResult {
  const held = heldBy(state, settlement)
  if (held !== null) {
    if (settlement.outcome === 'released' && isOutdated(held, settlement.expiresAt)) return { status: 'lost' }
    settleAttempt(held, settlement, now)
    return acceptedSettlement(held, settlement.token, false)
  }
  const entry = state.tasks.get(settlement.taskId)
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

function retryOne(entry: ReferenceTask | undefined, now: number): RetryOutcome {
  if (entry === undefined) return { kind: 'not-found' }
  const { status } = asRead(entry, now)
  if (status !== 'failed' && status !== 'cancelled') return { kind: 'not-retryable', status }
  retryTask(entry, now)
  return { kind: 'retried' }
}

function readOne(entry: ReferenceTask | undefined, now: number) {
  return entry === undefined ? null : asRead(entry, now)
}

function readyTasks(state: ReferenceState): ReadonlySet<ReferenceTask> {
  const isClaimable = ({ task }: ReferenceTask) => task.status === 'queued' && !state.paused.has(laneKey(task))
  return new Set([...state.tasks.values()].filter(isClaimable))
}

function newlyReady(state: ReferenceState, before: ReadonlySet<ReferenceTask>): readonly ReadyLane[] {
  const fresh = [...readyTasks(state)].filter((entry) => !before.has(entry))
  return fresh.map(({ task: { namespace, queue, type } }) => ({ namespace, queue, type }))
}

function announceReady(listeners: ReadonlySet<ReadyListener>, lanes: readonly ReadyLane[]): void {
  if (lanes.length > 0) for (const listener of listeners) listener(lanes)
}
