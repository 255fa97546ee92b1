import type { ReferenceState } from '@taskyard/conformance'
import { type JsonText, type LeaseRef, TaskyardError } from '@taskyard/core'
import type { Plant } from './plant.ts'

/** Stores that submit, settle or steer tasks wrongly. */
export const TASK_BUGS: Readonly<Record<string, Plant>> = {
  'accepts settlements under any token': (store, state) => ({
    tasks: {
      settle: (params) =>
        store.tasks.settle({ ...params, settlements: params.settlements.map((each) => underNewestToken(state, each)) }),
    },
  }),
  'accepts progress under any token': (store, state) => ({
    tasks: {
      record: ({ namespace, entries }) =>
        store.tasks.record({ namespace, entries: entries.map((each) => underNewestToken(state, each)) }),
    },
  }),
  'extends leases under any token': (store, state) => ({
    tasks: {
      extend: ({ namespace, leases, leaseMs }) =>
        store.tasks.extend({
          namespace,
          leases: leases.map((each) => underNewestToken(state, each)),
          leaseMs,
        }),
    },
  }),
  'stores a repeated submission twice': (store) => {
    let copies = 0
    return {
      tasks: {
        enqueue: ({ submissions, queueDepth }) => {
          const copied = submissions.map(({ tasks }) => ({
            tasks: tasks.map((task) => ({ ...task, id: task.id.slice(0, -4) + String(1000 + (copies++ % 9000)) })),
          }))
          return store.tasks.enqueue({ submissions: copied, queueDepth })
        },
      },
    }
  },
  'loses a task in a hundred': (store, state) => ({
    tasks: {
      enqueue: async (params) => {
        const outcomes = await store.tasks.enqueue(params)
        const unlucky = [...state.tasks.keys()].filter((_, index) => index % 100 === 99)
        for (const id of unlucky) state.tasks.delete(id)
        return outcomes
      },
    },
  }),
  'ignores idempotency keys': (store) => ({
    tasks: {
      enqueue: ({ submissions, queueDepth }) => {
        const keyless = submissions.map(({ tasks }) => ({
          tasks: tasks.map((task) => ({ ...task, idempotency: null })),
        }))
        return store.tasks.enqueue({ submissions: keyless, queueDepth })
      },
    },
  }),
  'fails a whole call for one id that is none': (store) => ({
    tasks: {
      extend: async (params) => {
        const wrong = params.leases.find(({ taskId }) => taskId.length > 36)
        if (wrong !== undefined)
          throw new TaskyardError('internal', { reason: `invalid id ${wrong.taskId.slice(0, 50)}` })
        return store.tasks.extend(params)
      },
    },
  }),
  'divides tags at a character that a tag may hold': (store) => ({
    tasks: {
      enqueue: ({ submissions, queueDepth }) => {
        const divided = submissions.map(({ tasks }) => ({
          tasks: tasks.map((task) => ({ ...task, tags: task.tags.flatMap((tag) => tag.split('\u001f')) })),
        }))
        return store.tasks.enqueue({ submissions: divided, queueDepth })
      },
    },
  }),
  'writes JSON in its own way': (store) => ({
    tasks: {
      settle: (params) => {
        const settlements = params.settlements.map((each) => {
          if (each.outcome !== 'succeeded' || each.result === null) return each
          return { ...each, result: JSON.stringify(JSON.parse(each.result)) as JsonText }
        })
        return store.tasks.settle({ ...params, settlements })
      },
    },
  }),
  'has no limit for queues': (store) => ({
    tasks: { enqueue: ({ submissions }) => store.tasks.enqueue({ submissions, queueDepth: Number.POSITIVE_INFINITY }) },
  }),
  'keeps the attempt of a released task': (store, state) => ({
    tasks: {
      settle: async (params) => {
        const report = await store.tasks.settle(params)
        for (const { taskId, outcome } of params.settlements) {
          const entry = state.tasks.get(taskId)
          if (entry !== undefined && outcome === 'released') entry.task = { ...entry.task, attempt: 1 }
        }
        return report
      },
    },
  }),
  'answers a repeated settlement with lost': (store) => ({
    tasks: {
      settle: async (params) => {
        const { results, tasks } = await store.tasks.settle(params)
        return {
          tasks,
          results: results.map((each) => ('repeated' in each && each.repeated ? { status: 'lost' } : each)),
        }
      },
    },
  }),
  'never tells a worker of a cancel': (store) => ({
    tasks: {
      extend: async (params) =>
        (await store.tasks.extend(params)).map((status) => (status === 'cancel' ? 'ok' : status)),
    },
  }),
  'retries succeeded tasks': (store, state) => ({
    tasks: {
      retry: (params) => {
        for (const id of params.taskIds) {
          const entry = state.tasks.get(id)
          if (entry?.task.status === 'succeeded') entry.task = { ...entry.task, status: 'failed' }
        }
        return store.tasks.retry(params)
      },
    },
  }),
  'deletes tasks that have not ended': (store, state) => ({
    tasks: {
      delete: async (params) => {
        const outcomes = await store.tasks.delete(params)
        for (const [i, { kind }] of outcomes.entries()) {
          if (kind === 'kept') state.tasks.delete(params.taskIds[i] as string)
        }
        return outcomes
      },
    },
  }),
  'hides what is deleted, and counts it': (store, state) => {
    const hidden = new Set<string>()
    return {
      tasks: {
        delete: async ({ taskIds }) =>
          taskIds.map((id) => {
            if (!state.tasks.has(id) || hidden.has(id)) return { kind: 'not-found' }
            hidden.add(id)
            return { kind: 'deleted' }
          }),
      },
      reads: {
        find: async (params) =>
          (await store.reads.find(params)).map((task) => (hidden.has(task?.id ?? '') ? null : task)),
      },
    }
  },
  'frees the key of a task that is deleted': (store, state) => ({
    tasks: {
      delete: (params) => {
        for (const [key, { taskId }] of state.idempotencyKeys) {
          if (params.taskIds.includes(taskId)) state.idempotencyKeys.delete(key)
        }
        return store.tasks.delete(params)
      },
    },
  }),
  'forgets that a deleted task was ever finished': (store, state) => ({
    tasks: {
      delete: async (params) => {
        const lanes = params.taskIds.map((id) => state.tasks.get(id)?.lane)
        const outcomes = await store.tasks.delete(params)
        for (const [i, { kind }] of outcomes.entries()) {
          const lane = lanes[i]
          if (kind === 'deleted' && lane !== undefined) lane.finishedTotal -= 1
        }
        return outcomes
      },
    },
  }),
  'fails a call for an id that is none': (store) => ({
    tasks: {
      cancel: async (params) => {
        if (params.taskIds.some((id) => !/^[0-9a-f-]+$/.test(id))) throw new Error('invalid input syntax for type uuid')
        return store.tasks.cancel(params)
      },
    },
  }),
  'forgets what was settled under an earlier token': (store, state) => ({
    tasks: {
      settle: (params) => {
        for (const { settled, token } of state.tasks.values()) {
          for (const earlier of settled.keys()) if (earlier < token) settled.delete(earlier)
        }
        return store.tasks.settle(params)
      },
    },
  }),
}

function underNewestToken<Ref extends LeaseRef>(state: ReferenceState, ref: Ref): Ref {
  return { ...ref, token: state.tasks.get(ref.taskId)?.token ?? ref.token }
}
