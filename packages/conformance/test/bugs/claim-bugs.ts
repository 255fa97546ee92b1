import type { Plant } from './plant.ts'

/** Stores that claim wrongly. */
export const CLAIM_BUGS: Readonly<Record<string, Plant>> = {
  'gives out the same token again': (store, state) => ({
    tasks: {
      claim: async (params) => {
        for (const entry of state.tasks.values()) if (entry.lease === null) entry.token = 0
        return store.tasks.claim(params)
      },
    },
  }),
  'says nothing of a request to stop when it gives a task again': (store) => ({
    tasks: {
      claim: async (params) =>
        (await store.tasks.claim(params)).map((task) =>
          task.lease.again ? { ...task, cancelRequestedAt: null } : task,
        ),
    },
  }),
  'gives a task again for an hour more than was asked for': (store, state) => ({
    tasks: {
      claim: async (params) =>
        (await store.tasks.claim(params)).map((task) => {
          const held = state.tasks.get(task.id)?.lease
          if (held == null || !task.lease.again) return task
          held.expiresAt += 3_600_000
          return { ...task, lease: { ...task.lease, expiresAt: held.expiresAt } }
        }),
    },
  }),
  'claims from paused queues': (store, state) => ({
    tasks: {
      claim: (params) => {
        state.paused.clear()
        return store.tasks.claim(params)
      },
    },
  }),
  'hands out tasks before their time': (store, state) => ({
    tasks: {
      claim: (params) => {
        for (const entry of state.tasks.values()) {
          if (entry.task.status === 'scheduled') entry.task = { ...entry.task, status: 'queued' }
        }
        return store.tasks.claim(params)
      },
    },
  }),
  'hands out the newest task first': (store) => ({
    tasks: { claim: async (params) => [...(await store.tasks.claim(params))].reverse() },
  }),
  'claims more than asked for': (store) => ({
    tasks: { claim: (params) => store.tasks.claim({ ...params, limit: params.limit + 1 }) },
  }),
  'mixes namespaces': (store) => ({
    tasks: {
      claim: async (params) => [
        ...(await store.tasks.claim(params)),
        ...(await store.tasks.claim({ ...params, namespace: 'other', limit: 1 })),
      ],
    },
  }),
  'claims anew when a claim is repeated': (store) => ({
    tasks: {
      claim: (params) => store.tasks.claim({ ...params, requestId: null }),
      settle: ({ namespace, settlements, claim }) =>
        store.tasks.settle({
          namespace,
          settlements,
          claim: claim === null ? null : { ...claim, requestId: null },
        }),
    },
  }),
  'takes a worker that stood still for dead': (store, state) => ({
    tasks: {
      claim: async (params) => {
        const tasks = await store.tasks.claim(params)
        for (const { lease } of state.tasks.values()) {
          if (lease !== null) Object.assign(lease, { worker: { ...lease.worker, session: false, nodeId: null } })
        }
        return tasks
      },
    },
  }),
  'hands suspects out beside others': (store) => ({
    tasks: {
      claim: async (params) => {
        const tasks = [...(await store.tasks.claim(params))]
        while (tasks.length < params.limit) {
          const more = await store.tasks.claim({ ...params, limit: params.limit - tasks.length })
          if (more.length === 0) break
          tasks.push(...more)
        }
        return tasks
      },
    },
  }),
  'finds a task by another spelling of its id': (store) => ({
    tasks: {
      settle: ({ namespace, settlements, claim }) =>
        store.tasks.settle({
          namespace,
          settlements: settlements.map((each) => ({ ...each, taskId: each.taskId.toLowerCase() })),
          claim,
        }),
    },
  }),
}
