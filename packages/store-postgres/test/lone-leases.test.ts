import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import { CLAIM, newTask, SWEEP, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

const WORKER = { workerId: 'watched', nodeId: null, session: true } as const

test('leases that count against tasks are remembered for as long as these go on', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  const tasks = ['waits', 'is scheduled', 'runs', 'succeeds'].map((type) => newTask({ type }))
  await store.tasks.enqueue(submissions(...tasks))
  for (const { type } of tasks) await crash(store, type)
  const failed = await claimOne(store, 'is scheduled')
  const error = { code: 'error', message: 'no' }
  const later = { outcome: 'failed', error, retryable: true, retryDelayMs: 3_600_000, jitter: 0 } as const
  const succeeded = { outcome: 'succeeded', result: null } as const
  await claimOne(store, 'runs')
  const settlements = [
    { ...failed, ...later },
    { ...(await claimOne(store, 'succeeds')), ...succeeded },
  ]
  await store.tasks.settle({ namespace: 'default', settlements, claim: null })
  const remembered = async () => {
    const { rows } = await schema.query(`SELECT id FROM "${schema.schema}".lone_leases ORDER BY id`)
    return rows.map(({ id }) => id)
  }
  const ids = tasks.map(({ id }) => id)
  assert.deepEqual(await remembered(), ids.toSorted())
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await remembered(), ids.slice(0, 3).toSorted())
})

async function claimOne(store: OpenedStore, type: string) {
  const [task] = await store.tasks.claim({ ...CLAIM, types: [type], limit: 1, worker: WORKER })
  assert.ok(task)
  return { taskId: task.id, token: task.lease.token }
}

async function crash(store: OpenedStore, type: string): Promise<void> {
  await claimOne(store, type)
  await store.presence.endLeases({ workers: [{ namespace: 'default', workerId: WORKER.workerId }] })
}
