import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import type { LeasedTask, OpenedStore, Settlement, TaskStatus } from '@taskyard/core'
import { aroundNextWrite, CLAIM, closeClients, freshUrl, newTask, openStore, submissions } from './test-bed.ts'

// Of several conditional updates some were refused, and another process moves on what the others changed before the call
// has read which they were.

after(closeClients)

interface TwoProcesses {
  readonly one: OpenedStore
  readonly other: OpenedStore
  readonly ids: readonly [string, string]
}

async function twoProcesses(t: TestContext): Promise<TwoProcesses> {
  const url = await freshUrl(t)
  const [one, other] = [await openStore(t, { url }), await openStore(t, { url })]
  const tasks = [newTask(), newTask()] as const
  await one.tasks.enqueue(submissions(...tasks))
  return { one, other, ids: [tasks[0].id, tasks[1].id] }
}

function failedOnce({ id, lease }: LeasedTask): Settlement {
  const error = { code: 'error', message: 'no' }
  return { taskId: id, token: lease.token, outcome: 'failed', error, retryable: true, retryDelayMs: 0, jitter: 0 }
}

async function countsOf(store: OpenedStore): Promise<Readonly<Partial<Record<TaskStatus, number>>>> {
  const [{ counts } = { counts: {} }] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))
}

test('an outcome is counted though its task was claimed again before that was known', async (t) => {
  const { one, other, ids } = await twoProcesses(t)
  const claimed = await one.tasks.claim({ ...CLAIM, limit: 2 })
  await other.tasks.cancel({ namespace: 'default', taskIds: [ids[0]] })
  aroundNextWrite(null, () => other.tasks.claim({ ...CLAIM, limit: 1 }))
  const { results } = await one.tasks.settle({
    namespace: 'default',
    settlements: claimed.map(failedOnce),
    claim: null,
  })
  const went = results.map((result) => (result.status === 'ok' ? [result.taskStatus, result.repeated] : result.status))
  assert.deepEqual(went, [
    ['cancelled', false],
    ['queued', false],
  ])
  assert.deepEqual(await countsOf(other), { running: 1, cancelled: 1 })
})

test('a retry is told and counted though its task was claimed before that was known', async (t) => {
  const { one, other, ids } = await twoProcesses(t)
  await one.tasks.cancel({ namespace: 'default', taskIds: ids })
  aroundNextWrite(
    () => other.tasks.retry({ namespace: 'default', taskIds: [ids[0]] }),
    () => other.tasks.claim({ ...CLAIM, limit: 2 }),
  )
  const [, outcome] = await one.tasks.retry({ namespace: 'default', taskIds: ids })
  assert.equal(outcome?.kind, 'retried')
  assert.deepEqual(await countsOf(other), { running: 2 })
})

test('a task is handed out though its cancel was asked for before the claim had read that it is its own', async (t) => {
  const { one, other, ids } = await twoProcesses(t)
  aroundNextWrite(
    () => other.tasks.cancel({ namespace: 'default', taskIds: [ids[0]] }),
    () => other.tasks.cancel({ namespace: 'default', taskIds: [ids[1]] }),
  )
  const claimed = await one.tasks.claim({ ...CLAIM, limit: 2 })
  assert.deepEqual(
    claimed.map(({ id }) => id),
    [ids[1]],
  )
  assert.deepEqual(await countsOf(other), { running: 1, cancelled: 1 })
})
