import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { AcceptedTask, EnqueueOutcome, LeasedTask, NewTask, OpenedStore } from '@taskyard/core'
import { check, type ViolationKind } from './checker.ts'
import { type Bug, runSmallSystem } from './small-system.ts'

// A checker is worth what it catches. Each of these systems runs on the real SQLite store with one bug in front of it.

interface Planted {
  readonly name: string
  readonly bug: Bug
  readonly kinds: readonly ViolationKind[]
}

const BUGS: readonly Planted[] = [
  {
    name: 'acknowledges a batch before it is committed, and crashes',
    kinds: ['lost'],
    bug: (store) => {
      const buffered: Parameters<OpenedStore['tasks']['enqueue']>[0][] = []
      return {
        tasks: {
          async enqueue(params) {
            if (params.submissions.every(({ tasks }) => tasks.length === 1)) return store.tasks.enqueue(params)
            buffered.push(params)
            return params.submissions.map(({ tasks }) => accepted(tasks))
          },
          async claim(params) {
            for (const write of buffered.splice(0)) await store.tasks.enqueue(write)
            return store.tasks.claim(params)
          },
        },
      }
    },
  },
  {
    name: 'drops a task',
    kinds: ['lost'],
    bug: (store) => ({
      tasks: {
        async enqueue(params) {
          const { tasks } = params.submissions[0] as { tasks: readonly NewTask[] }
          return tasks[0]?.payload === '{"key":"key-7"}' ? [accepted(tasks)] : store.tasks.enqueue(params)
        },
      },
    }),
  },
  {
    name: 'stores a part of a batch',
    kinds: ['lost', 'tornBatches'],
    bug: (store) => ({
      tasks: {
        async enqueue({ submissions, queueDepth }) {
          const torn = submissions.map(({ tasks }) => ({ tasks: tasks.length > 1 ? tasks.slice(0, -1) : tasks }))
          const outcomes = await store.tasks.enqueue({ submissions: torn, queueDepth })
          return outcomes.map((outcome, index) => {
            const { tasks } = submissions[index] as { tasks: readonly NewTask[] }
            return tasks.length > 1 ? accepted(tasks) : outcome
          })
        },
      },
    }),
  },
  {
    name: 'forgets idempotency keys',
    kinds: ['duplicateKeys'],
    bug: (store) => ({
      tasks: {
        enqueue: ({ submissions, queueDepth }) =>
          store.tasks.enqueue({
            submissions: submissions.map(({ tasks }) => ({
              tasks: tasks.map((task) => ({ ...task, idempotency: null })),
            })),
            queueDepth,
          }),
      },
    }),
  },
  {
    name: 'ignores the token when settling and answers every worker ok',
    kinds: ['acceptedNotKept', 'acceptedTwice', 'staleAccepted'],
    bug: (store) => ({
      tasks: {
        async settle(params) {
          const report = await store.tasks.settle(params)
          return { ...report, results: report.results.map((result) => (result.status === 'ok' ? result : anyOk)) }
        },
      },
    }),
  },
  {
    name: 'takes log lines of workers that have lost their lease',
    kinds: ['staleAccepted'],
    bug: () => ({ tasks: { record: async ({ entries }) => entries.map(() => 'ok' as const) } }),
  },
  {
    name: 'hands a worker the same lease twice, who starts it twice',
    kinds: ['handedOutTwice'],
    bug: (store) => {
      let held: LeasedTask[] = []
      return {
        tasks: {
          async claim(params) {
            const tasks = await store.tasks.claim(params)
            if (params.worker.workerId !== 'busy') return tasks
            const again = held
            held = [...tasks]
            return [...tasks, ...again]
          },
        },
      }
    },
  },
  {
    name: 'hands the same lease to two workers',
    kinds: ['handedOutTwice'],
    bug: (store) => {
      let held: LeasedTask[] = []
      return {
        tasks: {
          async claim(params) {
            const tasks = await store.tasks.claim(params)
            if (params.worker.workerId === 'slow') held = [...tasks]
            return params.worker.workerId === 'busy' ? [...tasks, ...held.splice(0)] : tasks
          },
        },
      }
    },
  },
  {
    name: 'takes tasks from a worker that is well',
    kinds: ['overlapping'],
    bug: (store) => ({
      tasks: {
        async claim(params) {
          if (params.worker.workerId === 'busy')
            await store.presence.endLeases({ workers: [{ namespace: 'default', workerId: 'slow' }] })
          return store.tasks.claim(params)
        },
      },
    }),
  },
  {
    name: 'loses settlements that it has accepted',
    kinds: ['acceptedTwice', 'acceptedNotKept', 'restartedAfterEnd', 'staleAccepted', 'lost'],
    bug: (store) => ({
      tasks: {
        async settle(params) {
          const { settlements } = params
          const report = await store.tasks.settle({ ...params, settlements: settlements.slice(1) })
          return settlements.length === 0 ? report : { ...report, results: [anyOk, ...report.results] }
        },
      },
    }),
  },
  {
    name: 'never frees the leases of the dead',
    kinds: ['lateRecoveries', 'lost'],
    bug: () => ({
      presence: { endLeases: async () => [] },
      upkeep: { sweep: async () => ({ ended: [], promoted: 0, removed: 0, nextAt: null }) },
    }),
  },
  {
    name: 'makes up a task',
    kinds: ['unexpected'],
    bug: (store) => {
      let madeUp = false
      return {
        tasks: {
          async claim(params) {
            const tasks = await store.tasks.claim(params)
            const [task] = tasks
            if (task === undefined || madeUp || params.worker.workerId !== 'busy') return tasks
            madeUp = true
            return [...tasks, { ...task, id: 'made-up', payload: '{"key":"key-of-nobody"}' as LeasedTask['payload'] }]
          },
        },
      }
    },
  },
  {
    name: 'turns successes into failures',
    kinds: ['wrongEnds', 'acceptedNotKept'],
    bug: (store) => ({
      tasks: {
        settle: (params) =>
          store.tasks.settle({
            ...params,
            settlements: params.settlements.map(({ taskId, token }) => {
              const error = { code: 'broken', message: 'It broke' }
              return { taskId, token, outcome: 'failed', error, retryable: false, retryDelayMs: null, jitter: 0.5 }
            }),
          }),
      },
    }),
  },
]

describe('the chaos checker', () => {
  it('passes a system without bugs, with worker deaths, hangs and late writes', async () => {
    const verdict = await judge(() => ({}))
    assert.deepEqual(kindsIn(verdict), [])
    assert.equal(verdict.passed, true)
    assert.equal(verdict.acknowledged, 55)
    assert.equal(verdict.recovery.killed.judged, 8)
    assert.equal(verdict.recovery.hung.judged, 8)
    assert.deepEqual(verdict.startedMoreThanOnce.reasons, { 'its worker was killed': 8, 'its worker hung': 8 })
  })

  it('does not pass a history that breaks off before the read-back', async () => {
    const history = await historyOf(() => ({}))
    assert.equal(check(history.slice(0, -1)).passed, false)
  })

  for (const { name, bug, kinds } of BUGS) {
    it(`reports ${kinds.join(' and ')} of a store that ${name}`, async () => {
      const verdict = await judge(bug)
      assert.deepEqual(kindsIn(verdict), kinds.toSorted())
      assert.equal(verdict.passed, false)
    })
  }
})

const anyOk = {
  status: 'ok',
  taskStatus: 'succeeded',
  repeated: true,
  namespace: 'default',
  queue: 'default',
  type: 'small',
  waitMs: 0,
  runMs: 0,
  runAt: null,
} as const

/** The answer of a store that has stored the tasks. */
function accepted(tasks: readonly NewTask[]): EnqueueOutcome {
  return {
    kind: 'accepted',
    tasks: tasks.map(({ id }): AcceptedTask => ({ id, status: 'queued', createdAt: 0, runAt: 0, replayed: false })),
  }
}

async function historyOf(bug: Bug) {
  const directory = mkdtempSync(join(tmpdir(), 'taskyard-checker-'))
  try {
    return await runSmallSystem(join(directory, 'small.db'), bug)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function judge(bug: Bug) {
  return check(await historyOf(bug))
}

function kindsIn({ violations }: ReturnType<typeof check>): readonly string[] {
  return Object.entries(violations)
    .filter(([, found]) => found.length > 0)
    .map(([kind]) => kind)
    .toSorted()
}
