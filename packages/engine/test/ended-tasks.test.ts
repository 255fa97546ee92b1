import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedStore, Task } from '@taskyard/core'
import type { EndedTasksInterest, EndListener } from '../src/index.ts'
import { claimOf, type EngineInDefault, PAYLOAD, startCluster, startEngine } from './test-bed.ts'

function listening() {
  const told: Task[] = []
  const missed: unknown[] = []
  const listener: EndListener = { ended: (task) => told.push(task), missed: (error) => missed.push(error) }
  return { told, missed, listener }
}

async function run(
  engine: EngineInDefault,
  outcome: 'succeeded' | 'failed',
  task: { type?: string; queue?: string; tags?: readonly string[] } = {},
) {
  await engine.submit({ type: 'test', payload: PAYLOAD, ...task })
  const [leased] = await engine.claim({ ...claimOf('worker-1'), queues: ['default', 'other'] })
  assert.ok(leased)
  await engine.settle([{ taskId: leased.id, token: leased.lease.token, outcome, retryable: false }])
  return leased.id
}

test('the ends of tasks are told with the task, by status, type, queue and tag', async (t) => {
  const { engine } = await startEngine(t)
  const heard = Object.fromEntries(
    (
      [
        ['failures', { status: 'failed' }],
        ['successes', { status: 'succeeded' }],
        ['of type', { status: 'failed', type: 'other' }],
        ['of queue', { status: 'failed', queue: 'other' }],
        ['of tag', { status: 'failed', tag: 'a' }],
      ] as const satisfies readonly (readonly [string, EndedTasksInterest])[]
    ).map(([name, interest]) => {
      const { told, listener } = listening()
      engine.onEnded(interest, listener)
      return [name, told] as const
    }),
  )
  const plain = await run(engine, 'failed')
  const tagged = await run(engine, 'failed', { tags: ['a', 'b'] })
  const other = await run(engine, 'failed', { type: 'other' })
  const elsewhere = await run(engine, 'failed', { queue: 'other' })
  const fine = await run(engine, 'succeeded')
  await settled()
  const ids = Object.entries(heard).map(([name, told]) => [name, told.map(({ id }) => id)])
  assert.deepEqual(Object.fromEntries(ids), {
    failures: [plain, tagged, other, elsewhere],
    successes: [fine],
    'of type': [other],
    'of queue': [elsewhere],
    'of tag': [tagged],
  })
  assert.equal(heard.successes?.[0]?.status, 'succeeded')
})

test('a task that another process ended is told, too; one of another namespace is not', async (t) => {
  const cluster = startCluster(t)
  const [here, there] = [await cluster.node('here'), await cluster.node('there')]
  const { told, listener } = listening()
  const { told: foreign, listener: foreigner } = listening()
  here.onEnded({ status: 'failed' }, listener)
  here.in('tenant').onEnded({ status: 'failed' }, foreigner)
  const id = await run(there, 'failed')
  await settled()
  assert.deepEqual([told.map((task) => task.id), foreign], [[id], []])
})

test('who has stopped to listen is told nothing more', async (t) => {
  const { engine } = await startEngine(t)
  const { told, listener } = listening()
  const stop = engine.onEnded({ status: 'failed' }, listener)
  const { told: toldAnother, listener: another } = listening()
  engine.onEnded({ status: 'failed' }, another)
  const before = await run(engine, 'failed')
  await until(() => told.length === 1)
  stop()
  await run(engine, 'failed')
  // Who listens still is told of the second, so whoever were told is told by then.
  await until(() => toldAnother.length === 2)
  assert.deepEqual(
    told.map(({ id }) => id),
    [before],
  )
})

test('what the store cannot tell now is missed, and said to be', async (t) => {
  let isAway = false
  const failing = (store: OpenedStore): OpenedStore => ({
    ...store,
    reads: {
      ...store.reads,
      find: async (params) => {
        if (isAway) throw new Error('away')
        return store.reads.find(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, failing)
  const { told, missed, listener } = listening()
  engine.onEnded({ status: 'failed' }, listener)
  isAway = true
  await run(engine, 'failed')
  await settled()
  isAway = false
  const id = await run(engine, 'failed')
  await settled()
  assert.deepEqual([told.map((task) => task.id), missed.length], [[id], 1])
})

/** News and reads of the reference store take no time but turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
