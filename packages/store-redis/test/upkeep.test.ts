// No key outlives its tasks, and no time runs backwards.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  DEFAULT_RETENTION,
  type JsonText,
  type LeaseRef,
  type NewTask,
  type OpenedStore,
  POISON_CRASHES,
  type WorkerRef,
} from '@taskyard/core'
import type { RedisStoreOptions } from '@taskyard/store-redis'
import { sharedServer } from '@taskyard/test-servers'
import { Redis } from 'ioredis'
import { batch, counted, idsOf, listAll, SUCCEEDED, submit } from './calls.ts'
import { CLAIM, freshPrefix, namespace, newId, newTask, openTestStore } from './test-bed.ts'

describe('names of claims in Redis', () => {
  it('are kept for leases that hold, and others only for a while', async (t) => {
    const { store, redis, prefix, keys } = await storeWithKeys(t)
    await submit(store, batch(300))
    const named = (requestId: string) => store.tasks.claim({ ...CLAIM, limit: 1, requestId })
    const [held] = await named('held')
    for (let n = 0; n < 299; n++) {
      const settlements = (await named(`request-${n}`)).map(({ id, lease }) => ({
        taskId: id,
        token: lease.token,
        ...SUCCEEDED,
      }))
      await store.tasks.settle({ namespace, settlements, claim: null })
    }
    const names = (await keys()).filter((key) => key.startsWith('claims:'))
    assert.equal(names.length, 1)
    assert.ok((await redis.scard(`{${prefix}}:${names[0]}`)) <= 100)
    assert.deepEqual(idsOf(await named('held')), [held?.id])
  })

  it('are not kept for claims that found nothing', async (t) => {
    const { store, keys } = await storeWithKeys(t)
    assert.deepEqual(await store.tasks.claim({ ...CLAIM, requestId: 'nothing' }), [])
    assert.deepEqual(
      (await keys()).filter((key) => key.startsWith('claims:')),
      [],
    )
  })
})

describe('tasks that are deleted', () => {
  it('leave nothing in any list or count, wherever retention had got to among those that ended with them', async (t) => {
    const { store, redis, prefix, keys } = await storeWithKeys(t)
    for (const isBefore of [true, false]) {
      const tasks = Array.from({ length: 40 }, (_, n) => newTask({ payload: `"${'x'.repeat(n * 100)}"` as JsonText }))
      await submit(store, tasks)
      const claimed = await store.tasks.claim({ ...CLAIM, limit: 40 })
      const settlements = claimed.map(({ id, lease: { token } }, n) => {
        const isPlain = n % 5 > 0
        const outcome = isPlain ? SUCCEEDED : ({ outcome: 'cancelled' } as const)
        return { taskId: id, token, ...outcome }
      })
      await store.tasks.settle({ namespace, settlements, claim: null })
      const some = idsOf(tasks).filter((_, n) => n % 3 === 0)
      const remove = () => store.tasks.delete({ namespace, taskIds: some })
      const bytes = async () => Number(await redis.hget(`{${prefix}}:meta`, 'bytes'))
      if (isBefore) await remove()
      const half = { ...DEFAULT_RETENTION, finishedBytes: (await bytes()) / 2 }
      while ((await store.upkeep.sweep({ ...SWEEP, retention: half, limit: 4 })).removed > 0);
      await remove()
      assert.ok((await bytes()) > 0)
      const nothing = { ...DEFAULT_RETENTION, finishedBytes: -1 }
      while ((await store.upkeep.sweep({ ...SWEEP, retention: nothing, limit: 4 })).removed > 0);
      await store.upkeep.sweep({ ...SWEEP, retention: nothing })
      assert.equal(await bytes(), 0)
      assert.equal(await counted(store, 'succeeded'), 0)
      const left = await keys()
      const ofTasks = /^(tasks|states|running|removed|done|failed|index:|ended:|history:)/
      assert.deepEqual(
        left.filter((key) => ofTasks.test(key)),
        [],
      )
    }
  })

  it('are found in the list for retention, however long it is', async (t) => {
    let now = 1_800_000_000_000
    const { store, redis, prefix } = await storeWithKeys(t, { storeTime: () => now })
    const tasks = batch(600)
    await submit(store, tasks)
    const claimed = await store.tasks.claim({ ...CLAIM, limit: 600 })
    for (const [n, { id, lease }] of claimed.entries()) {
      now += n % 3 === 0 ? 1 : 0
      await settle(store, { taskId: id, token: lease.token }, SUCCEEDED)
    }
    const left = new Set(idsOf(tasks))
    for (const some of [
      [599],
      [0],
      [300, 299, 301],
      [17, 34, 555, 16, 598],
      [...tasks.keys()].filter((n) => n % 2 > 0),
    ]) {
      const taskIds = some.map((n) => (tasks[n] as NewTask).id)
      await store.tasks.delete({ namespace, taskIds })
      for (const id of taskIds) left.delete(id)
      const entries = await redis.lrange(`{${prefix}}:done`, 0, -1)
      const listed = entries.map((entry) => entry.split(':')[2]).filter((id) => id !== '-')
      assert.deepEqual(listed, [...left])
    }
  })
})

describe('marks of company in Redis', () => {
  it('go with the leases of their worker', async (t) => {
    const { store, redis, prefix } = await storeWithKeys(t)
    const marks = () => redis.hlen(`{${prefix}}:company`)
    await submit(store, [newTask({ timeoutSeconds: 0.001 }), newTask()])
    const [, held] = await store.tasks.claim({ ...CLAIM, limit: 2 })
    while ((await store.upkeep.sweep(SWEEP)).ended.length === 0) await store.presence.holders({ namespace: null })
    assert.equal(await marks(), 1)
    const settlement = { taskId: held?.id ?? '', token: held?.lease.token ?? 0, ...SUCCEEDED }
    await store.tasks.settle({ namespace, settlements: [settlement], claim: null })
    await store.upkeep.sweep(SWEEP)
    assert.equal(await marks(), 0)
  })
})

describe('leases that count against their tasks', () => {
  it('are kept until these end, whichever way', async (t) => {
    const { store, redis, prefix } = await storeWithKeys(t)
    const kept = async () => Object.keys(await redis.hgetall(`{${prefix}}:lone`))
    const ends: Readonly<Record<string, (taskId: string) => Promise<unknown>>> = {
      succeeds: async () => settle(store, await claimOne(store), SUCCEEDED),
      fails: async () => settle(store, await claimOne(store), FAILED),
      'is cancelled': (taskId) => store.tasks.cancel({ namespace, taskIds: [taskId] }),
      'is given up': async () => {
        for (let crash = 1; crash < POISON_CRASHES; crash++) await crashOne(store)
      },
    }
    for (const [how, end] of Object.entries(ends)) {
      const task = newTask()
      await submit(store, [task])
      await crashOne(store)
      assert.deepEqual(await kept(), [task.id])
      await end(task.id)
      assert.deepEqual(await kept(), [], `of a task that ${how}`)
    }
  })
})

describe('retention in Redis', () => {
  it('leaves no key of tasks that are gone', async (t) => {
    const { store, keys } = await storeWithKeys(t)
    const special = { tags: ['a', 'half a pair: \ud800'], delayMs: 1 }
    await submit(store, [...batch(150), newTask({ ...special, maxAttempts: 1 }), newTask({ queue: 'other' })])
    const cancelled = newTask()
    await submit(store, [cancelled])
    await store.tasks.cancel({ namespace, taskIds: [cancelled.id] })
    for (let tries = 0; tries < 3; tries++) await endAll(store, tries)
    assert.equal(await counted(store, 'queued'), 0)
    const retention = { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 0 }
    for (let removed = 1; removed > 0; ) {
      removed = (await store.upkeep.sweep({ cancelGraceMs: 0, retention, limit: 40, jitter: 0 })).removed
    }
    const left = (await keys()).map((key) => key.split(':')[0])
    // Of each tag that Redis' JSON reader does not read, the index keeps what lists pass over.
    const registry = ['counts', 'lanes', 'lanesof', 'meta', 'names', 'ordered', 'queues', 'tag']
    assert.deepEqual([...new Set(left)].sort(), registry)
    assert.deepEqual(await listAll(store, { tag: 'a' }), [])
  })

  it('counts no bytes when nothing is kept', async (t) => {
    const { store, redis, prefix } = await storeWithKeys(t)
    await submit(store, batch(20))
    await endAll(store, 0)
    const bytes = async () => Number(await redis.hget(`{${prefix}}:meta`, 'bytes'))
    assert.ok((await bytes()) > 20 * 300)
    await store.upkeep.sweep({ ...SWEEP, retention: { ...DEFAULT_RETENTION, finishedBytes: 0 } })
    assert.equal(await bytes(), 0)
  })
})

describe("the server's clock", () => {
  it('that was set back by an hour, as by a fail-over, goes on from the last time known', async (t) => {
    const { store, redis, prefix } = await storeWithKeys(t)
    const last = Date.now() + 3_600_000
    await redis.hset(`{${prefix}}:meta`, 'now', last)
    const [first, second] = [newTask(), newTask({ delayMs: 5 })]
    await submit(store, [first])
    await submit(store, [second])
    const [one] = await store.reads.find({ namespace, taskIds: [first.id] })
    assert.ok((one?.createdAt ?? 0) >= last, 'time does not run backwards')
    while ((await store.reads.find({ namespace, taskIds: [second.id] }))[0]?.status !== 'queued')
      await store.presence.holders({ namespace: null })
  })

  it('that was set back a little stands still until it has caught up', async (t) => {
    const { store, redis, prefix } = await storeWithKeys(t)
    const last = Date.now() + 500
    await redis.hset(`{${prefix}}:meta`, 'now', last)
    const task = newTask()
    await submit(store, [task])
    assert.equal((await store.reads.find({ namespace, taskIds: [task.id] }))[0]?.createdAt, last)
  })
})

const SWEEP = { cancelGraceMs: 0, retention: DEFAULT_RETENTION, limit: 1000, jitter: 0 }
const BROKEN = { code: 'broken', message: 'It broke' }
const FAILED = { outcome: 'failed', error: BROKEN, retryable: false, retryDelayMs: 0, jitter: 0 } as const
const WATCHED: WorkerRef = { workerId: 'watched', nodeId: null, session: true }

/** Settles whatever is ready or falls due, one of three ways in turn. */
async function endAll(store: OpenedStore, way: number): Promise<void> {
  for (;;) {
    const claimed = await store.tasks.claim({ ...CLAIM, queues: ['default', 'other'], limit: 100, requestId: newId() })
    if (claimed.length === 0 && (await counted(store, 'scheduled')) === 0) return
    const talkative = claimed.filter((_, n) => n % 4 === 0)
    const entries = talkative.map(({ id, lease }) => ({ taskId: id, token: lease.token, progress: null, log: 'line' }))
    await store.tasks.record({ namespace, entries })
    const failed = { ...FAILED, retryable: way === 0 }
    const settlements = claimed.map(({ id, lease }, n) => ({
      taskId: id,
      token: lease.token,
      ...(n % 2 === 0 ? SUCCEEDED : failed),
    }))
    await store.tasks.settle({ namespace, settlements, claim: null })
  }
}

async function claimOne(store: OpenedStore): Promise<LeaseRef> {
  const [task] = await store.tasks.claim({ ...CLAIM, limit: 1, worker: WATCHED })
  assert.ok(task)
  return { taskId: task.id, token: task.lease.token }
}

async function crashOne(store: OpenedStore): Promise<void> {
  await claimOne(store)
  await store.presence.endLeases({ workers: [{ namespace, workerId: WATCHED.workerId }] })
}

function settle(store: OpenedStore, lease: LeaseRef, outcome: typeof SUCCEEDED | typeof FAILED): Promise<unknown> {
  return store.tasks.settle({ namespace, settlements: [{ ...lease, ...outcome }], claim: null })
}

async function storeWithKeys(t: TestContext, options: Pick<RedisStoreOptions, 'storeTime'> = {}) {
  const prefix = freshPrefix()
  const { url } = await sharedServer('redis')
  const redis = new Redis(url)
  t.after(() => redis.disconnect())
  const store = await openTestStore(t, { url, prefix, ...options })
  const keys = async () => {
    const found: string[] = []
    for await (const some of redis.scanStream({ match: `{${prefix}}:*`, count: 1000 }))
      found.push(...(some as string[]))
    return found.map((key) => key.slice(prefix.length + 3)).sort()
  }
  return { store, redis, prefix, keys }
}
