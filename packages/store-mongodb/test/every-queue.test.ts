import assert from 'node:assert/strict'
import { after, describe, it, mock } from 'node:test'
import type { NewTask, OpenedStore } from '@taskyard/core'
import { Collection } from 'mongodb'
import { CLAIM, closeClients, newTask, openStore } from './test-bed.ts'

after(closeClients)

const EVERY = { ...CLAIM, queues: null } as const
/** More than are passed over. */
const MANY = 1001

describe('claims of every queue', () => {
  it('read ready tasks once, whatever the number of queues', async (t) => {
    const store = await openStore(t)
    const tasks = Array.from({ length: 450 }, (_, n) => newTask({ queue: `q${n}` }))
    await submit(store, tasks)
    await pause(store, 'q0')
    const reads = countReads()
    assert.deepEqual(await claimedQueues(store, 2), ['q1', 'q2'])
    assert.equal(reads(), 1)
  })

  it('leave alone a paused queue in which very many wait', async (t) => {
    const store = await openStore(t)
    await submit(store, [...Array.from({ length: MANY }, () => newTask({ queue: 'held' })), newTask({ queue: 'open' })])
    await pause(store, 'held')
    assert.deepEqual(await claimedQueues(store, 2), ['open'])
  })
})

/** How often stores look for ready tasks from now on. */
function countReads(): () => number {
  const { find } = Collection.prototype
  const reads = mock.method(Collection.prototype, 'find', function (this: Collection, ...args: never[]) {
    return find.apply(this, args as never)
  })
  return () => {
    reads.mock.restore()
    const filters = reads.mock.calls.map(({ arguments: [filter] }) => filter as { readonly state?: unknown })
    return filters.filter(({ state }) => state === 'queued').length
  }
}

async function claimedQueues(store: OpenedStore, limit: number): Promise<readonly string[]> {
  return (await store.tasks.claim({ ...EVERY, limit })).map(({ queue }) => queue)
}

async function submit(store: OpenedStore, tasks: readonly NewTask[]): Promise<void> {
  await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 10_000 })
}

async function pause(store: OpenedStore, queue: string): Promise<void> {
  await store.queues.pause({ namespace: 'default', queue, paused: true })
}
