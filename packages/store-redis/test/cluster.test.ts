// On a Redis Cluster of one node, which refuses a script whose keys are not all in one slot, as a larger one does.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { describeTaskStore, type OpenStore } from '@taskyard/conformance'
import type { TaskChanged } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openRedisStore } from '@taskyard/store-redis'
import type { TestServer } from '@taskyard/test-servers'
import { freshPrefix, namespace, newTask, openOn, openTestStore, startCluster, submissions } from './test-bed.ts'

let server: TestServer

before(async () => {
  server = await startCluster()
})
after(() => server.destroy())

const openStore: OpenStore = (setting) => openOn(server.url, setting)

describeTaskStore({
  name: 'redis cluster',
  openStore,
  runner: { describe, it },
  // What needs servers of its own is shown on single ones.
  capabilities: { shared: false, ordersWithinMillisecond: false },
  runs: 20,
})

describe('a Redis Cluster', () => {
  it('is noticed by itself, or named in the URL', async (t) => {
    const prefix = freshPrefix()
    const noticed = await openTestStore(t, { url: server.url, prefix })
    const named = await openTestStore(t, { url: `${server.url}?cluster=1`, prefix })
    const task = newTask()
    await noticed.tasks.enqueue(submissions(task))
    assert.equal((await named.reads.find({ namespace, taskIds: [task.id] }))[0]?.id, task.id)
  })

  it('carries wake-ups and news between processes', async (t) => {
    const prefix = freshPrefix()
    const [one, other] = [
      await openTestStore(t, { url: server.url, prefix }),
      await openTestStore(t, { url: server.url, prefix }),
    ]
    const woken = new Promise((resolve) => other.wakeUps.subscribe(resolve))
    const heard = new Promise((resolve) => other.news?.subscribe({ of: 'tasks' }, resolve))
    const task = newTask()
    const { id: taskId, namespace, queue, type, tags } = task
    const message: TaskChanged = { kind: 'changed', taskId, namespace, queue, type, tags, status: 'queued' }
    while (!one.news?.isHeard('queued')) await new Promise(setImmediate)
    await one.tasks.enqueue(submissions(task))
    one.news?.publish(message)
    assert.deepEqual(await woken, [{ namespace: 'default', queue: 'default', type: 'test' }])
    assert.deepEqual(await heard, message)
  })

  it('that is away is noticed, and its return too', async (t) => {
    const store = await openTestStore(t, { url: server.url })
    await server.kill()
    assert.equal((await store.lifecycle.health()).healthy, false)
    await server.start()
    while (!(await store.lifecycle.health()).healthy)
      await new Promise((resolve) => systemClock.after(20, () => resolve(null)))
    const opened = await openRedisStore({ url: server.url, prefix: freshPrefix(), clock: systemClock })
    await opened.lifecycle.close()
  })
})
