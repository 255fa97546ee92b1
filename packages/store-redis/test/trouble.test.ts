import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type EndedLease, type ErrorCode, type LeasedTask, type OpenedStore, TaskyardError } from '@taskyard/core'
import { startServer } from '@taskyard/test-servers'
import { type ExtenderData, openLeaseExtender } from '../src/lease-extender.ts'
import {
  adminClient,
  CLAIM,
  freshPrefix,
  namespace,
  newTask,
  openTestStore,
  submissions,
  untilServed,
} from './test-bed.ts'

const RETENTION = { succeededSeconds: 60, failedSeconds: 60, finishedBytes: 1e9 }
const SWEEP = { cancelGraceMs: 0, retention: RETENTION, limit: 100, jitter: 0 }

describe('a Redis server that takes no writes', () => {
  it('with its memory full refuses submissions and lets workers finish; retention makes room again', async (t) => {
    const { store, redis } = await ownServer(t)
    const tasks = Array.from({ length: 10 }, () => newTask())
    await store.tasks.enqueue(submissions(...tasks))
    const [first] = await store.tasks.claim({ ...CLAIM, limit: 1 })
    await redis.config('SET', 'maxmemory', 1)

    await refuses('store_full', store.tasks.enqueue(submissions(newTask())))
    await refuses(
      'store_full',
      store.tasks.record({ namespace, entries: [{ ...leaseOf(first), progress: null, log: 'line' }] }),
    )
    assert.equal((await store.lifecycle.health()).code, 'store_full')

    assert.deepEqual(await store.tasks.extend({ namespace, leases: [leaseOf(first)], leaseMs: 30_000 }), ['ok'])
    const claim = { ...CLAIM, limit: 100 }
    const settled = await store.tasks.settle({ namespace, settlements: [{ ...leaseOf(first), ...SUCCEEDED }], claim })
    assert.equal(settled.results[0]?.status, 'ok')
    assert.equal(settled.tasks.length, 9)
    await store.tasks.settle({
      namespace,
      settlements: settled.tasks.map((task) => ({ ...leaseOf(task), ...SUCCEEDED })),
      claim: null,
    })
    assert.equal((await store.reads.find({ namespace, taskIds: [tasks[0]?.id ?? ''] }))[0]?.status, 'succeeded')
    const retention = { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 0 }
    assert.equal((await store.upkeep.sweep({ ...SWEEP, retention })).removed, 10)

    await redis.config('SET', 'maxmemory', 0)
    assert.equal((await store.tasks.enqueue(submissions(newTask())))[0]?.kind, 'accepted')
  })

  it('with next to no memory left is unhealthy before it refuses', async (t) => {
    const { store, redis } = await ownServer(t)
    await store.tasks.enqueue(submissions(newTask()))
    const { healthy, sizeBytes } = await store.lifecycle.health()
    assert.equal(healthy, true)
    assert.ok(sizeBytes !== null && sizeBytes > 0)
    await redis.config('SET', 'maxmemory', Math.ceil(sizeBytes * 1.05))
    const { healthy: isHealthy, reason, code } = await store.lifecycle.health()
    assert.deepEqual({ isHealthy, code }, { isHealthy: false, code: 'store_full' })
    assert.match(reason ?? '', /maxmemory/)
    await redis.config('SET', 'maxmemory', sizeBytes * 2)
    assert.equal((await store.lifecycle.health()).healthy, true)
  })

  it('as a replica says so, and what was refused has changed nothing', async (t) => {
    const { store, redis } = await ownServer(t)
    const task = newTask()
    const [hostname, port] = ['127.0.0.1', 1]
    await redis.replicaof(hostname, port)
    await refuses('store_read_only', store.tasks.enqueue(submissions(task)))
    await redis.call('REPLICAOF', 'NO', 'ONE')
    await untilWritable(store)
    assert.deepEqual(await store.reads.find({ namespace, taskIds: [task.id] }), [null])
  })

  it('for want of replicas says so', async (t) => {
    const { store, redis } = await ownServer(t)
    await redis.config('SET', 'min-replicas-to-write', 1)
    await refuses('store_read_only', store.tasks.enqueue(submissions(newTask())))
    assert.equal((await store.lifecycle.health()).code, 'store_read_only')
  })
})

describe('a Redis server that has forgotten the scripts', () => {
  it('leaves nothing ready with a listener that asks as soon as it is told', async (t) => {
    const { store, redis } = await ownServer(t)
    const task = newTask()
    const claimed = Promise.withResolvers<string>()
    const asking: Promise<unknown>[] = []
    const stop = store.wakeUps.subscribe(() => {
      asking.push(store.tasks.claim(CLAIM).then(([leased]) => leased !== undefined && claimed.resolve(leased.id)))
    })
    await redis.script('FLUSH')
    await store.tasks.claim(CLAIM)
    await store.tasks.enqueue(submissions(task))
    assert.equal(await claimed.promise, task.id)
    stop()
    await Promise.all(asking)
  })

  it('gets them again', async (t) => {
    const { store, redis } = await ownServer(t)
    const [one, other] = [newTask(), newTask()]
    await store.tasks.enqueue(submissions(one))
    await redis.script('FLUSH')
    await store.tasks.enqueue(submissions(other))
    assert.deepEqual(
      (await store.tasks.claim(CLAIM)).map(({ id }) => id),
      [one.id, other.id],
    )
  })
})

const SUCCEEDED = { outcome: 'succeeded', result: null } as const

function leaseOf(task: LeasedTask | undefined) {
  assert.ok(task !== undefined)
  return { taskId: task.id, token: task.lease.token }
}

async function refuses(code: ErrorCode, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof TaskyardError, String(error))
    assert.deepEqual([error.code, error.definite], [code, true], error.message)
    return true
  })
}

/** The store reconnects after a refusal, as the server may have become somebody else. */
async function untilWritable(store: OpenedStore): Promise<void> {
  while (!(await store.lifecycle.health()).healthy) await new Promise(setImmediate)
}

async function ownServer(t: TestContext) {
  const server = await startServer('redis')
  t.after(() => server.destroy())
  const redis = adminClient(t, server.url)
  const prefix = freshPrefix()
  return { store: await openTestStore(t, { url: server.url, prefix }), redis, prefix, server }
}

describe('a Redis server that was frozen for longer than a lease', () => {
  it('ends no lease before its worker could extend it, and then those that nobody extends', async (t) => {
    const { store, redis, prefix } = await ownServer(t)
    await store.tasks.enqueue(submissions(newTask(), newTask()))
    const [first, second] = await store.tasks.claim({ ...CLAIM, limit: 2, leaseMs: 1 })
    const meta = `{${prefix}}:meta`
    // What is there after it stood still: the last time that it knew is long ago.
    const known = Number(await redis.hget(meta, 'now'))
    await redis.hset(meta, 'now', known - 10_000)
    assert.deepEqual((await store.upkeep.sweep(SWEEP)).ended, [])
    assert.deepEqual(await store.tasks.extend({ namespace, leases: [leaseOf(first)], leaseMs: 600_000 }), ['ok'])
    const sparedUntil = Number(await redis.hget(meta, 'spareUntil'))
    assert.ok(sparedUntil > known, 'leases are spared for a while')
    await redis.hset(meta, 'spareUntil', known)
    const ended: EndedLease[] = []
    // Until the millisecond of the lease is over.
    while (ended.length === 0) ended.push(...(await store.upkeep.sweep(SWEEP)).ended)
    assert.deepEqual(
      ended.map(({ taskId }) => taskId),
      [second?.id],
    )
  })
})

describe('a lease extender', () => {
  it('outlives an outage of the server', async (t) => {
    const { store, server } = await ownServer(t)
    await store.tasks.enqueue(submissions(newTask()))
    const [task] = await store.tasks.claim({ ...CLAIM, leaseMs: 60_000 })
    const extender = await openLeaseExtender(store.lifecycle.threadAccess().data as ExtenderData)
    t.after(() => extender.close())
    const params = { namespace, leases: [leaseOf(task)], leaseMs: 60_000 }
    assert.deepEqual(await extender.extend(params), ['ok'])
    await server.kill()
    await assert.rejects(extender.extend(params), (error) => isStoreError(error, 'store_unavailable'))
    await server.start()
    assert.deepEqual(await untilServed(() => extender.extend(params)), ['ok'])
  })

  it('says at once that its server is away', async (t) => {
    const { store, server } = await ownServer(t)
    await server.kill()
    const opening = openLeaseExtender(store.lifecycle.threadAccess().data as ExtenderData)
    await assert.rejects(opening, (error) => isStoreError(error, 'store_unavailable'))
  })
})

function isStoreError(error: unknown, code: ErrorCode): boolean {
  return error instanceof TaskyardError && error.code === code
}
