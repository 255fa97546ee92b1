import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ListParams, TaskError } from '@taskyard/core'
import { CLAIM, newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const FAILED: ListParams = {
  namespace: 'default',
  statuses: ['failed'],
  type: null,
  queue: null,
  tag: null,
  createdAfter: null,
  createdBefore: null,
  errorCode: null,
  limit: 10,
  cursor: null,
}

test('a list by an error that few have looks at a bounded number of tasks per page, and finds it', async (t) => {
  const store = await openStore(t, join(await temporaryFolder(t), 'tasks.db'))
  const rare = newTask()
  for (const tasks of [[rare], ...Array.from({ length: 11 }, () => Array.from({ length: 1000 }, () => newTask()))]) {
    await store.tasks.enqueue(submissions(...tasks))
    const claimed = await store.tasks.claim({ ...CLAIM, limit: 1000 })
    const settlements = claimed.map(({ id, lease: { token } }) => {
      const error: TaskError = { code: id === rare.id ? 'rare' : 'common', message: '' }
      return { taskId: id, token, outcome: 'failed', error, retryable: false, retryDelayMs: null, jitter: 0 } as const
    })
    await store.tasks.settle({ namespace: 'default', settlements, claim: null })
  }
  const found: string[] = []
  let pages = 0
  for (let cursor: string | null = null; pages === 0 || cursor !== null; pages++) {
    const page = await store.reads.list({ ...FAILED, errorCode: 'rare', cursor })
    found.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
  }
  assert.deepEqual(found, [rare.id])
  assert.ok(pages > 1 && pages < 10, `${pages} pages`)
  const full = await store.reads.list({ ...FAILED, errorCode: 'common' })
  assert.equal(full.items.length, FAILED.limit)
})
