// Servers of the version before, which name workers by their ids alone, may beat on the same store.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { OpenedStore, WorkerName } from '@taskyard/core'
import { sharedServer } from '@taskyard/test-servers'
import { adminClient, CLAIM, freshPrefix, namespace, newTask, openTestStore, submissions } from './test-bed.ts'

const WORKER = { ...CLAIM.worker, nodeId: null, session: true }
const OWN: WorkerName = { namespace, workerId: WORKER.workerId }
const OTHERS: WorkerName = { ...OWN, namespace: 'other' }

describe('beats in Redis', () => {
  it('of servers of the version before answer for workers of the default namespace', async (t) => {
    const { store, redis, nodes } = await openTestBed(t)
    for (const worker of [OWN, OTHERS]) await lease(store, worker)
    await redis.hset(nodes, 'before', `${Date.now() + 600_000}\u001f["${WORKER.workerId}"]`)
    const alive = (await store.presence.holders({ namespace: null })).map((holder) => [holder.namespace, holder.alive])
    assert.deepEqual(Object.fromEntries(alive), { [namespace]: true, other: false })
    const ended = await store.presence.endLeases({ workers: [OWN, OTHERS] })
    assert.deepEqual(
      ended.map((one) => one.namespace),
      ['other'],
    )
  })

  it('are understood by servers of the version before, for workers of the default namespace', async (t) => {
    const { store, redis, nodes } = await openTestBed(t)
    await store.presence.beat({ nodeId: 'node', workers: [OWN, OTHERS], ttlMs: 600_000 })
    const [, workers] = (await redis.hget(nodes, 'node'))?.split('\u001f') ?? []
    assert.deepEqual(JSON.parse(workers ?? ''), [WORKER.workerId, `other/${WORKER.workerId}`])
  })
})

async function lease(store: OpenedStore, { namespace }: WorkerName): Promise<void> {
  await store.tasks.enqueue(submissions(newTask({ namespace })))
  assert.equal((await store.tasks.claim({ ...CLAIM, namespace, worker: WORKER })).length, 1)
}

async function openTestBed(t: TestContext) {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  return { store: await openTestStore(t, { url, prefix }), redis: adminClient(t, url), nodes: `{${prefix}}:nodes` }
}
