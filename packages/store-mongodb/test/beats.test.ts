import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import type { NodeDocument } from '../src/documents.ts'
import { CLAIM, closeClients, databaseOf, freshUrl, newTask, openStore, submissions } from './test-bed.ts'

// What servers of this version and of the one before, which knows workers by their ids alone, read of each other's beats.

after(closeClients)

const NOW = Date.UTC(2026, 0, 1)
const WORKER = { workerId: 'worker', nodeId: null, session: true } as const
const NAMESPACES = ['default', 'other'] as const

async function openTestBed(t: TestContext) {
  const url = await freshUrl(t)
  const store = await openStore(t, { url, storeTime: () => NOW })
  return { store, nodes: databaseOf(url).collection<NodeDocument>('nodes') }
}

/** The namespaces whose worker of this name is alive. */
async function livingIn(store: OpenedStore): Promise<readonly string[]> {
  const held = await store.presence.holders({ namespace: null })
  assert.equal(held.length, NAMESPACES.length)
  return held.filter(({ alive }) => alive).map(({ namespace }) => namespace)
}

test('a beat of the version before speaks for a worker of the default namespace', async (t) => {
  const { store, nodes } = await openTestBed(t)
  for (const namespace of NAMESPACES) {
    await store.tasks.enqueue(submissions(newTask({ namespace })))
    assert.equal((await store.tasks.claim({ ...CLAIM, namespace, worker: WORKER })).length, 1)
  }
  assert.deepEqual(await livingIn(store), [])
  await nodes.insertOne({ _id: 'older', workerIds: [WORKER.workerId], until: NOW + 60_000 })
  assert.deepEqual(await livingIn(store), ['default'])
})

test('a beat names a worker of the default namespace as the version before does', async (t) => {
  const { store, nodes } = await openTestBed(t)
  const workers = NAMESPACES.map((namespace) => ({ namespace, workerId: WORKER.workerId }))
  await store.presence.beat({ nodeId: 'node', workers, ttlMs: 60_000 })
  assert.deepEqual((await nodes.findOne({ _id: 'node' }))?.workerIds, ['worker', 'other/worker'])
})
