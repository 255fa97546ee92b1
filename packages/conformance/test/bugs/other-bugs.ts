import type { ReadyListener } from '@taskyard/core'
import type { Plant } from './plant.ts'

/** Stores whose reads, sweeps, presence, wake-ups or ends are wrong. */
export const OTHER_BUGS: Readonly<Record<string, Plant>> = {
  'takes an id in upper case for the same': (store) => ({
    reads: {
      find: ({ namespace, taskIds }) => store.reads.find({ namespace, taskIds: taskIds.map((id) => id.toLowerCase()) }),
    },
  }),
  'gives a cancelled worker all the time it wants': (store) => ({
    upkeep: { sweep: (params) => store.upkeep.sweep({ ...params, cancelGraceMs: Number.POSITIVE_INFINITY }) },
  }),
  'forgets to end expired leases': (store) => ({
    upkeep: { sweep: (params) => store.upkeep.sweep({ ...params, limit: 0 }) },
  }),
  'ends leases by what it read of them before': (store, state) => ({
    upkeep: {
      sweep: async (params) => {
        const ends = [...state.tasks.values()].map(({ lease }) => [lease, lease?.expiresAt ?? 0] as const)
        await new Promise(setImmediate)
        for (const [lease, expiresAt] of ends) if (lease !== null) lease.expiresAt = expiresAt
        return store.upkeep.sweep(params)
      },
    },
  }),
  'counts no crashes': (store, state) => ({
    upkeep: {
      sweep: async (params) => {
        const report = await store.upkeep.sweep(params)
        for (const entry of state.tasks.values()) entry.task = { ...entry.task, crashes: 0 }
        return report
      },
    },
  }),
  'keeps finished tasks for ever': (store) => ({
    upkeep: {
      sweep: (params) => {
        const never = Number.POSITIVE_INFINITY
        return store.upkeep.sweep({
          ...params,
          retention: { succeededSeconds: never, failedSeconds: never, finishedBytes: never },
        })
      },
    },
  }),
  'treats failed tasks as succeeded ones in retention': (store) => ({
    upkeep: {
      sweep: (params) => {
        const { retention } = params
        return store.upkeep.sweep({ ...params, retention: { ...retention, failedSeconds: retention.succeededSeconds } })
      },
    },
  }),
  'never asks to be swept again': (store) => ({
    upkeep: { sweep: async (params) => ({ ...(await store.upkeep.sweep(params)), nextAt: null }) },
  }),
  'declares as many types as there is room for': ({ taskTypes }) => ({
    taskTypes: {
      async declareTypes(params) {
        const outcomes = []
        for (const one of params.types) outcomes.push(await taskTypes.declareTypes({ ...params, types: [one] }))
        return outcomes.includes('too-many') ? 'too-many' : 'declared'
      },
    },
  }),
  'merges the defaults of a type with those before': ({ taskTypes }) => ({
    taskTypes: {
      async declareTypes(params) {
        const before = new Map((await taskTypes.listTypes(params)).map(({ type, defaults }) => [type, defaults]))
        const types = params.types.map(({ type, defaults }) => ({
          type,
          defaults: defaults && { ...before.get(type), ...defaults },
        }))
        return taskTypes.declareTypes({ ...params, types })
      },
    },
  }),
  'lists without looking at tags': (store) => ({
    reads: { list: (params) => store.reads.list({ ...params, tag: null }) },
  }),
  'lists by the first of several statuses': (store) => ({
    reads: {
      list: (params) => store.reads.list({ ...params, statuses: params.statuses?.slice(0, 1) ?? null }),
    },
  }),
  'lists without looking at errors': (store) => ({
    reads: { list: (params) => store.reads.list({ ...params, errorCode: null }) },
  }),
  'knows the error of a task only when it has ended': (store) => ({
    reads: {
      list: (params) =>
        store.reads.list({
          ...params,
          statuses: params.errorCode === null ? params.statuses : ['failed', 'cancelled'],
        }),
    },
  }),
  'takes any cursor': (store) => ({
    reads: { list: (params) => store.reads.list(params).catch(() => ({ items: [], nextCursor: null })) },
  }),
  'skips a task at each end of a page': (store) => ({
    reads: {
      list: async (params) => {
        const page = await store.reads.list(params)
        return page.nextCursor === null ? page : { ...page, items: page.items.slice(0, -1) }
      },
    },
  }),
  'counts wrongly': (store) => ({
    reads: {
      counts: async (params) =>
        (await store.reads.counts(params)).map((queue) => ({ ...queue, counts: { ...queue.counts, running: 0 } })),
    },
  }),
  'renumbers the history': (store) => ({
    reads: {
      history: async (params) =>
        (await store.reads.history(params))?.map((event, n, all) => ({ ...event, n: all.length - n })) ?? null,
    },
  }),
  'parses payloads': (store) => ({
    reads: {
      find: async (params) =>
        (await store.reads.find(params)).map((task) => {
          return task && { ...task, payload: JSON.stringify(JSON.parse(task.payload)) as typeof task.payload }
        }),
    },
  }),
  'shows a due task as scheduled until it is swept': (_store, state) => ({
    reads: { find: async ({ taskIds }) => taskIds.map((id) => state.tasks.get(id)?.task ?? null) },
  }),
  'never wakes anybody': () => ({ wakeUps: { subscribe: () => () => {} } }),
  'tells of tasks before they are there, and not again': (store) => {
    const listeners = new Set<ReadyListener>()
    return {
      wakeUps: {
        subscribe: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      tasks: {
        enqueue: async (params) => {
          const lanes = params.submissions.flatMap(({ tasks }) => tasks)
          for (const listener of listeners) listener(lanes)
          return store.tasks.enqueue(params)
        },
      },
    }
  },
  'goes on after close': () => ({ lifecycle: { close: async () => {} } }),
  'loses its leases on a restart': (store, state) => ({
    lifecycle: {
      migrate: () => {
        for (const entry of state.tasks.values()) entry.lease = null
        return store.lifecycle.migrate()
      },
    },
  }),
  'holds a crash against whatever ran beside it': (store, state) => ({
    presence: {
      endLeases: async (params) => {
        const held = [...state.tasks.values()].filter(({ lease }) =>
          params.workers.some(({ workerId }) => workerId === lease?.worker.workerId),
        )
        const ended = await store.presence.endLeases(params)
        for (const entry of held) entry.loneLeases = Array.from({ length: entry.task.crashes }, (_, n) => n)
        return ended
      },
    },
  }),
  'lets a crash count against the task whose worker comes back': () => ({
    presence: { takeBackCrashes: async () => {} },
  }),
  'takes back the crashes of others for a worker that comes back': (_store, state) => ({
    presence: {
      takeBackCrashes: async ({ leases }) => {
        for (const { taskId } of leases) Object.assign(state.tasks.get(taskId) ?? {}, { loneLeases: [] })
      },
    },
  }),
}
