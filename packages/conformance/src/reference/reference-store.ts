import {
  type Clock,
  claimersFromText,
  claimersText,
  isWatched,
  type OpenedStore,
  type ReadyLane,
  type ReadyListener,
  TaskyardError,
  typeDefaultsFromText,
  typeDefaultsText,
  unhealthy,
  workerKey,
} from '@taskyard/core'
import { countQueues, isAlive, lanesWithReady, leaseHolders, listTasks, positionOf } from './reference-read.ts'
import { emptyReferenceState, type ReferenceState, taskOf } from './reference-state.ts'
import { endWithoutWord, leasesByWorker, rememberCompany, sweepState, wasAlone } from './reference-sweep.ts'
import { asRead, holderOf, laneKey, type ReferenceTask, takeBackCrash } from './reference-task.ts'
import { type Answer, tasksOf } from './reference-tasks-facet.ts'

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
    publishReady(listeners, newlyReady(state, readyBefore))
    return result
  }

  return {
    tasks: tasksOf(state, answer),
    reads: readsOf(state, answer),
    queues: {
      pause: ({ namespace, queue, paused }) =>
        answer(() => {
          if (paused) state.paused.add(laneKey({ namespace, queue }))
          else state.paused.delete(laneKey({ namespace, queue }))
        }),
    },
    taskTypes: taskTypesOf(state, answer),
    presence: presenceOf(state, answer),
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

function readsOf(state: ReferenceState, answer: Answer): OpenedStore['reads'] {
  return {
    find: ({ namespace, taskIds }) => answer((now) => taskIds.map((id) => readOne(taskOf(state, namespace, id), now))),
    list: (params) => answer((now) => listTasks(state, params, now)),
    history: ({ namespace, taskId, after, limit }) =>
      answer(() => taskOf(state, namespace, taskId)?.events.slice(after, after + limit) ?? null),
    counts: (params) => answer((now) => countQueues(state, params, now)),
    position: (params) => answer((now) => positionOf(state, params, now)),
    readyLanes: ({ namespace, limit }) => answer((now) => lanesWithReady(state, namespace, now).slice(0, limit)),
  }
}

function taskTypesOf(state: ReferenceState, answer: Answer): OpenedStore['taskTypes'] {
  const { typeDefaults } = state
  return {
    declareTypes: ({ namespace, types, limit }) =>
      answer(() => {
        const after = new Map(typeDefaults.get(namespace))
        for (const { type, defaults } of types) {
          if (defaults === null) after.delete(type)
          else after.set(type, typeDefaultsText(defaults))
        }
        if (after.size > limit) return 'too-many'
        typeDefaults.set(namespace, after)
        state.declarations++
        return 'declared'
      }),
    listTypes: ({ namespace }) =>
      answer(() =>
        [...(typeDefaults.get(namespace) ?? [])]
          .map(([type, text]) => ({ type, defaults: typeDefaultsFromText(text) }))
          .sort((one, other) => (one.type < other.type ? -1 : 1)),
      ),
  }
}

function presenceOf(state: ReferenceState, answer: Answer): OpenedStore['presence'] {
  return {
    beat: ({ nodeId, workers, ttlMs, claimers }) =>
      answer((now) => {
        const said =
          claimers === undefined ? state.nodes.get(nodeId) : { claimers: claimersText(claimers), claimersAt: now }
        const { claimers: text = '[]', claimersAt = now } = said ?? {}
        const until = now + ttlMs
        state.nodes.set(nodeId, { workers: new Set(workers.map(workerKey)), until, claimers: text, claimersAt })
        return { anyDefaults: state.declarations > 0, declarations: state.declarations }
      }),
    holders: (params) => answer((now) => leaseHolders(state, params, now)),
    claimers: ({ namespace }) =>
      answer((now) =>
        [...state.nodes].flatMap(([nodeId, { until, claimers, claimersAt }]) =>
          until > now ? claimersFromText(claimers, { nodeId, namespace, saidAgoMs: now - claimersAt }) : [],
        ),
      ),
    endLeases: ({ workers }) =>
      answer((now) => {
        const dead = new Set(workers.map(workerKey))
        const leasesOf = leasesByWorker(state)
        const ended = [...state.tasks.values()].flatMap((entry) => {
          const { lease } = entry
          if (lease === null || !isWatched(lease.worker) || !dead.has(holderOf(entry, lease))) return []
          if (isAlive(state, entry, lease, now)) return []
          const isAlone = wasAlone(entry, lease, leasesOf)
          return [endWithoutWord({ entry, lease, reason: 'expired', jitter: 0, isDead: true, isAlone }, now)]
        })
        rememberCompany(state, ended)
        return ended
      }),
    takeBackCrashes: ({ namespace, leases }) =>
      answer(() => {
        for (const { taskId, token } of leases) {
          const entry = taskOf(state, namespace, taskId)
          if (entry !== undefined) takeBackCrash(entry, token)
        }
      }),
  }
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

function publishReady(listeners: ReadonlySet<ReadyListener>, lanes: readonly ReadyLane[]): void {
  if (lanes.length > 0) for (const listener of listeners) listener(lanes)
}
