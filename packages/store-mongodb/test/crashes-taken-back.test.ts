import assert from 'node:assert/strict'
import { after, mock, test } from 'node:test'
import { type LeaseRef, type OpenedStore, POISON_CRASHES } from '@taskyard/core'
import { Collection } from 'mongodb'
import { CLAIM, closeClients, freshUrl, newTask, openStore, submissions } from './test-bed.ts'

after(closeClients)

const WORKER = { workerId: 'watched', nodeId: null, session: true } as const
const DEAD = { workers: [{ namespace: 'default', workerId: WORKER.workerId }] }

test('a crash is taken back while the end of a later lease of its task is written', async (t) => {
  const store = await openStore(t, { url: await freshUrl(t) })
  await store.tasks.enqueue(submissions(newTask()))
  const lost: LeaseRef[] = []
  for (let crash = 1; crash < POISON_CRASHES; crash++) {
    lost.push(await claimOne(store))
    await store.presence.endLeases(DEAD)
  }
  await claimOne(store)

  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const { bulkWrite } = Collection.prototype
  const gated = mock.method(Collection.prototype, 'bulkWrite', async function (this: Collection, ...args: never[]) {
    if (JSON.stringify(args).includes('poisoned')) {
      reached.resolve()
      await opened.promise
    }
    return bulkWrite.apply(this, args as never)
  })
  const ending = store.presence.endLeases(DEAD)
  await reached.promise
  gated.mock.restore()
  await store.presence.takeBackCrashes({ namespace: 'default', leases: lost.slice(0, 1) })
  opened.resolve()
  assert.deepEqual(
    (await ending).map(({ taskStatus }) => taskStatus),
    ['queued'],
  )
})

async function claimOne(store: OpenedStore): Promise<LeaseRef> {
  const [task] = await store.tasks.claim({ ...CLAIM, limit: 1, worker: WORKER })
  assert.ok(task)
  return { taskId: task.id, token: task.lease.token }
}
