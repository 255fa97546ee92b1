import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { CLAIM, newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const RETENTION = { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 2 ** 40 }
const SWEEP = { cancelGraceMs: 1000, retention: RETENTION, limit: 1000, jitter: 0 }

test('what one step of retention leaves is due at once, until nothing is left', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  const tasks = Array.from({ length: 600 }, (_, n) => newTask({ tags: [`n${n}`] }))
  await store.tasks.enqueue(submissions(...tasks))
  const claimed = await store.tasks.claim({ ...CLAIM, limit: 1000 })
  const settlements = claimed.map(({ id, lease }, n) => {
    const ref = { taskId: id, token: lease.token }
    return n % 3 === 0
      ? { ...ref, outcome: 'cancelled' as const }
      : { ...ref, outcome: 'succeeded' as const, result: null }
  })
  await store.tasks.settle({ namespace: 'default', settlements, claim: null })
  let removed = 0
  for (let isDue = true; isDue; ) {
    const report = await store.upkeep.sweep({ ...SWEEP, retention: { ...RETENTION, finishedBytes: 1 } })
    removed += report.removed
    isDue = report.nextAt !== null && report.nextAt <= systemClock.now()
  }
  assert.equal(removed, tasks.length)
  const found = await store.reads.find({ namespace: 'default', taskIds: tasks.map(({ id }) => id) })
  assert.ok(found.every((task) => task === null))
  const [counts] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  assert.deepEqual([counts?.counts.succeeded, counts?.counts.cancelled], [0, 0])
})
