import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createReferenceStore,
  describeTaskStore,
  emptyReferenceState,
  overlaid,
  type ReferenceState,
  type StoreParts,
  type TestRunner,
} from '@taskyard/conformance'
import {
  type Clock,
  type JsonText,
  type LeaseRef,
  type OpenedStore,
  type ReadyListener,
  TaskyardError,
} from '@taskyard/core'

// A suite is worth what it catches: each of these stores breaks one promise of the port, and the suite must say so.

type Plant = (store: OpenedStore, state: ReferenceState, clock: Clock) => StoreParts

const BUGS: Readonly<Record<string, Plant>> = {
  'accepts settlements under any token': (store, state) => ({
    tasks: {
      settle: (params) =>
        store.tasks.settle({ ...params, settlements: params.settlements.map((each) => underNewestToken(state, each)) }),
    },
  }),
  'accepts progress under any token': (store, state) => ({
    tasks: {
      record: ({ entries }) => store.tasks.record({ entries: entries.map((each) => underNewestToken(state, each)) }),
    },
  }),
  'extends leases under any token': (store, state) => ({
    tasks: {
      extend: ({ leases, leaseMs }) =>
        store.tasks.extend({ leases: leases.map((each) => underNewestToken(state, each)), leaseMs }),
    },
  }),
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
  'takes an id in upper case for the same': (store) => ({
    reads: { find: ({ taskIds }) => store.reads.find({ taskIds: taskIds.map((id) => id.toLowerCase()) }) },
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
  'lists without looking at tags': (store) => ({
    reads: { list: (params) => store.reads.list({ ...params, tag: null }) },
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
  'mixes namespaces': (store) => ({
    tasks: {
      claim: async (params) => [
        ...(await store.tasks.claim(params)),
        ...(await store.tasks.claim({ ...params, namespace: 'other', limit: 1 })),
      ],
    },
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
  'claims anew when a claim is repeated': (store) => ({
    tasks: {
      claim: (params) => store.tasks.claim({ ...params, requestId: null }),
      settle: ({ settlements, claim }) =>
        store.tasks.settle({ settlements, claim: claim === null ? null : { ...claim, requestId: null } }),
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
  'holds a crash against whatever ran beside it': (store, state) => ({
    presence: {
      endLeases: async (params) => {
        const held = [...state.tasks.values()].filter(({ lease }) =>
          params.workerIds.includes(lease?.worker.workerId ?? ''),
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
      settle: ({ settlements, claim }) =>
        store.tasks.settle({
          settlements: settlements.map((each) => ({ ...each, taskId: each.taskId.toLowerCase() })),
          claim,
        }),
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

describe('the suite finds a store that', () => {
  for (const [bug, plant] of Object.entries(BUGS)) {
    it(bug, async () => {
      assert.notEqual(await firstFailure(plant), null)
    })
  }

  it('but nothing in the store without a bug', async () => {
    assert.equal(await firstFailure(() => ({})), null)
  })
})

/** The name of the first test that fails on a store with this bug; `null` when all pass. */
async function firstFailure(plant: Plant): Promise<string | null> {
  const tests: { name: string; run: () => Promise<void> }[] = []
  const runner: TestRunner = {
    describe: (_name, define) => define(),
    it: (name, run) => tests.push({ name, run }),
  }
  describeTaskStore({
    name: 'with a planted bug',
    runner,
    capabilities: { threadAccess: false, shared: false },
    runs: 30,
    seed: 42,
    async openStore({ clock }) {
      const state = emptyReferenceState()
      const open = () => {
        const store = createReferenceStore(clock, state)
        return overlaid(store, plant(store, state, clock))
      }
      let store = open()
      return {
        store,
        async reopen() {
          await store.lifecycle.close()
          store = open()
          return store
        },
        destroy: () => store.lifecycle.close(),
      }
    },
  })
  for (const { name, run } of tests) {
    try {
      await run()
    } catch {
      return name
    }
  }
  return null
}

function underNewestToken<Ref extends LeaseRef>(state: ReferenceState, ref: Ref): Ref {
  return { ...ref, token: state.tasks.get(ref.taskId)?.token ?? ref.token }
}
