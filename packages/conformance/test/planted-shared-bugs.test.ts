import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeTaskStore, type TestRunner } from '@taskyard/conformance'
import { type LeasedTask, TaskyardError } from '@taskyard/core'
import { openSharedReference, type SharedBug } from './support/shared-reference.ts'

// As with planted-bugs.test.ts, for promises that only a store with a server and several processes can break.

const BUGS: Readonly<Record<string, SharedBug>> = {
  'loses the newest task when its server stops': {
    onStop: ({ tasks }) => void tasks.delete([...tasks.keys()].at(-1) ?? ''),
  },
  'loses a finished task when its server stops': {
    onStop({ tasks }) {
      for (const [id, { task }] of tasks) if (task.status === 'succeeded') return void tasks.delete(id)
    },
  },
  'forgets its leases when its server stops': {
    onStop({ tasks }) {
      for (const entry of tasks.values()) entry.lease = null
    },
  },
  'forgets its tokens when its server stops': {
    onStop({ tasks }) {
      for (const entry of tasks.values()) entry.token = 0
    },
  },
  'runs a finished task again after an outage': {
    onStop({ tasks }) {
      for (const entry of tasks.values()) {
        if (entry.task.status === 'succeeded') entry.task = { ...entry.task, status: 'queued' }
      }
    },
  },
  'resumes paused queues when its server stops': { onStop: ({ paused }) => paused.clear() },
  'hangs during an outage': { duringOutage: () => new Promise(() => {}) },
  'calls an outage an internal error': {
    duringOutage: async () => {
      throw new TaskyardError('internal', { reason: 'ECONNREFUSED' })
    },
  },
  'answers during an outage as if nothing were': {
    process: (store) => ({
      tasks: {
        enqueue: (params) =>
          store.tasks.enqueue(params).catch(() =>
            params.submissions.map(({ tasks }) => ({
              kind: 'accepted',
              tasks: tasks.map(({ id }) => ({ id, status: 'queued', createdAt: 0, runAt: 0, replayed: false })),
            })),
          ),
      },
    }),
  },
  'is healthy whatever happens': {
    process: () => ({
      lifecycle: { health: async () => ({ healthy: true, latencyMs: 0, reason: null, sizeBytes: null }) },
    }),
  },
  'is deaf after an outage': { deafAfterOutage: true },
  'does not make good for missed news after an outage': { silentAfterOutage: true },
  'tells nobody of what another process did': { wakeUpsBetweenProcesses: false },
  'keeps news to one process': { newsBetweenProcesses: false },
  'asks for news although nobody listens': { news: () => ({ isHeard: () => true }) },
  'tells news of others than those that are listened for': {
    news: (relay) => ({ subscribe: (_interest, listener) => relay.subscribe({ of: 'tasks' }, listener) }),
  },
  'forgets the tags of news': {
    sentNews: (items) => items.map((item) => (item.kind === 'changed' ? { ...item, tags: [] } : item)),
  },
  'does not tell of records': { sentNews: (items) => items.filter(({ kind }) => kind !== 'recorded') },
  'drops news without a word': { sentNews: (items) => items.filter(({ kind }) => kind !== 'missed') },
  'crowds requests to cancel out': {
    sentNews: (() => {
      let sent = 0
      return (items) => items.filter(({ kind }) => kind !== 'cancel-requested' || sent++ < 100)
    })(),
  },
  'goes by the clocks of its clients': { clock: 'client' },
  'hands a task to two processes': {
    process: (() => {
      let last: readonly LeasedTask[] = []
      return (store, index) => ({
        tasks: {
          async claim(params) {
            const tasks = await store.tasks.claim(params)
            if (index === 0) last = tasks
            return index === 0 || tasks.length === 0 ? tasks : [...tasks.slice(1), ...last.slice(0, 1)]
          },
        },
      })
    })(),
  },
  'keeps a pause in the process that asked for it': {
    process(store) {
      let pausedHere = false
      return {
        queues: {
          async pause({ paused }) {
            pausedHere = paused
          },
        },
        tasks: { claim: async (params) => (pausedHere ? [] : store.tasks.claim(params)) },
      }
    },
  },
  'keeps beats in the process that sent them': {
    process(store) {
      let beatsHere = false
      return {
        presence: {
          async beat(params) {
            beatsHere = params.ttlMs > 0
            return store.presence.beat(params)
          },
          holders: async () =>
            (await store.presence.holders({ namespace: null })).map((each) => ({
              ...each,
              alive: each.alive && beatsHere,
            })),
        },
      }
    },
  },
}

describe('the suite finds a shared store that', { concurrency: 8 }, () => {
  for (const [bug, planted] of Object.entries(BUGS)) {
    it(bug, async () => {
      assert.notEqual(await firstFailure(planted), null)
    })
  }

  it('but nothing in the shared store without a bug', async () => {
    assert.equal(await firstFailure({}), null)
  })
})

/** Areas that only a shared store has. */
const SHARED = /process|wrong clock|outage|stands still|restart of the server/

/** The name of the first of the shared areas' tests that fails on a store with this bug, and why; `null` when all pass. */
async function firstFailure(bug: SharedBug): Promise<string | null> {
  const tests: { name: string; run: () => Promise<void> }[] = []
  let area = ''
  const runner: TestRunner = {
    describe(name, define) {
      area = name
      define()
    },
    it: (name, run) => SHARED.test(area) && tests.push({ name: `${area}: ${name}`, run }),
  }
  describeTaskStore({
    name: 'with a planted bug',
    runner,
    capabilities: { threadAccess: false },
    runs: 1,
    fullQueue: 2_000,
    openStore: async (setting) => openSharedReference(setting, bug),
  })
  assert.ok(tests.length > 30)
  for (const { name, run } of tests) {
    try {
      await run()
    } catch (error) {
      return `${name}: ${error}`
    }
  }
  return null
}
