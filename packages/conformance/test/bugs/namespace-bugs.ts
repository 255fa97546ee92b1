import type { ReferenceState, StoreOverrides } from '@taskyard/conformance'
import { DEFAULTS, type OpenedStore, type Settlement, type WorkerName } from '@taskyard/core'
import type { Plant } from './plant.ts'

/** Stores that let one namespace reach into another, each by one call. */
export const NAMESPACE_BUGS: Readonly<Record<string, Plant>> = {
  'finds tasks of another namespace': ({ reads }, state) => ({
    reads: {
      find: async ({ taskIds }) =>
        (await eachIn(state, taskIds, (namespace, taskId) => reads.find({ namespace, taskIds: [taskId] }))).flat(),
    },
  }),
  'tells histories of another namespace': ({ reads }, state) => ({
    reads: {
      history: (params) => reads.history({ ...params, namespace: ownerOf(state, params.taskId) }),
    },
  }),
  'cancels tasks of another namespace': ({ tasks }, state) => ({
    tasks: {
      cancel: async ({ taskIds }) =>
        (await eachIn(state, taskIds, (namespace, taskId) => tasks.cancel({ namespace, taskIds: [taskId] }))).flat(),
    },
  }),
  'retries tasks of another namespace': ({ tasks }, state) => ({
    tasks: {
      retry: async ({ taskIds }) =>
        (await eachIn(state, taskIds, (namespace, taskId) => tasks.retry({ namespace, taskIds: [taskId] }))).flat(),
    },
  }),
  'deletes tasks of another namespace': ({ tasks }, state) => ({
    tasks: {
      delete: async ({ taskIds }) =>
        (await eachIn(state, taskIds, (namespace, taskId) => tasks.delete({ namespace, taskIds: [taskId] }))).flat(),
    },
  }),
  'extends leases of another namespace': ({ tasks }, state) => ({
    tasks: {
      extend: async ({ leases, leaseMs }) =>
        (
          await Promise.all(
            leases.map((lease) => tasks.extend({ namespace: ownerOf(state, lease.taskId), leases: [lease], leaseMs })),
          )
        ).flat(),
    },
  }),
  'takes records for another namespace': ({ tasks }, state) => ({
    tasks: {
      record: async ({ entries }) =>
        (
          await Promise.all(
            entries.map((entry) => tasks.record({ namespace: ownerOf(state, entry.taskId), entries: [entry] })),
          )
        ).flat(),
    },
  }),
  'settles leases of another namespace': (store, state) => settlingEach(store, ({ taskId }) => ownerOf(state, taskId)),
  'repeats settlements of another namespace': (store, state) =>
    settlingEach(store, ({ taskId, token }, namespace) =>
      state.tasks.get(taskId)?.settled.has(token) ? ownerOf(state, taskId) : namespace,
    ),
  'takes crashes back in another namespace': ({ presence }, state) => ({
    presence: {
      async takeBackCrashes({ leases }) {
        for (const lease of leases)
          await presence.takeBackCrashes({ namespace: ownerOf(state, lease.taskId), leases: [lease] })
      },
    },
  }),
  'ends leases of workers of the same name elsewhere': ({ presence }, state) => ({
    presence: { endLeases: ({ workers }) => presence.endLeases({ workers: everywhere(state, workers) }) },
  }),
  'takes workers of the same name elsewhere for alive': ({ presence }, state) => ({
    presence: { beat: (params) => presence.beat({ ...params, workers: everywhere(state, params.workers) }) },
  }),
  'declares types of the same name elsewhere': ({ taskTypes }) => ({
    taskTypes: {
      async declareTypes(params) {
        await taskTypes.declareTypes({ ...params, namespace: DEFAULTS.namespace })
        return taskTypes.declareTypes(params)
      },
    },
  }),
  'pauses queues of the same name elsewhere': ({ queues }) => ({
    queues: {
      async pause(params) {
        await queues.pause(params)
        await queues.pause({ ...params, namespace: DEFAULTS.namespace })
      },
    },
  }),
}

/** Settles one after the other, each in the namespace that is chosen for it. */
function settlingEach(
  { tasks }: OpenedStore,
  namespaceFor: (settlement: Settlement, namespace: string) => string,
): StoreOverrides {
  return {
    tasks: {
      async settle({ namespace, settlements, claim }) {
        const results = []
        for (const each of settlements) {
          const alone = { namespace: namespaceFor(each, namespace), settlements: [each], claim: null }
          results.push(...(await tasks.settle(alone)).results)
        }
        return { ...(await tasks.settle({ namespace, settlements: [], claim })), results }
      },
    },
  }
}

function ownerOf({ tasks }: ReferenceState, taskId: string): string {
  return tasks.get(taskId)?.task.namespace ?? DEFAULTS.namespace
}

function eachIn<Answer>(
  state: ReferenceState,
  taskIds: readonly string[],
  ask: (namespace: string, taskId: string) => Promise<Answer>,
): Promise<readonly Answer[]> {
  return Promise.all(taskIds.map((taskId) => ask(ownerOf(state, taskId), taskId)))
}

/** These workers in every namespace that has tasks. */
function everywhere({ tasks }: ReferenceState, workers: readonly WorkerName[]): readonly WorkerName[] {
  const namespaces = new Set([...tasks.values()].map(({ task }) => task.namespace))
  return workers.flatMap(({ workerId }) => [...namespaces].map((namespace) => ({ namespace, workerId })))
}
