import assert from 'node:assert/strict'
import type { LeasedTask, LeaseHolder } from '@taskyard/core'
import { idsOf, leaseRef, only, succeeded, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

const REMOTE = { workerId: 'remote', nodeId: null, session: true }
const EMBEDDED = { workerId: 'embedded', nodeId: 'node-1', session: false }

export function describeHolders({ describe, it, itWithoutFaults }: Suite): void {
  describe('lease holders', () => {
    it('tells who holds how many leases', async (scene) => {
      await scene.start({}, { worker: REMOTE, leaseMs: 30_000 })
      await scene.start({}, { worker: REMOTE, leaseMs: 10_000 })
      await scene.start({}, { worker: EMBEDDED, leaseMs: 20_000 })
      const holders = [...(await scene.store.presence.holders())].sort((one, other) => other.leases - one.leases)
      const now = scene.clock.now()
      assert.deepEqual(
        holders.map(({ alive, ...holder }) => holder),
        [
          { ...REMOTE, namespace: 'default', leases: 2, firstEnd: now + 10_000, lastEnd: now + 30_000 },
          { ...EMBEDDED, namespace: 'default', leases: 1, firstEnd: now + 20_000, lastEnd: now + 20_000 },
        ],
      )
    })

    it('tells that a worker keeps a session when any of its leases says so, as long as that lasts', async (scene) => {
      const withOne = await scene.start({}, { worker: REMOTE, leaseMs: 10_000 })
      await scene.start({}, { worker: { ...REMOTE, session: false }, leaseMs: 20_000 })
      const { alive, ...holder } = only(await scene.store.presence.holders())
      const [firstEnd, lastEnd] = [scene.clock.now() + 10_000, scene.clock.now() + 20_000]
      assert.deepEqual(holder, { ...REMOTE, namespace: 'default', leases: 2, firstEnd, lastEnd })
      await scene.settle(withOne, succeeded())
      assert.deepEqual(leasesOf(await scene.store.presence.holders()), [[null, false, 1]])
    })

    it('tells of the leases of a worker in each process that it lives in, and in none', async (scene) => {
      const places = ['node-1', null, 'node-2', 'node-1'].map((nodeId) => ({ ...REMOTE, nodeId }))
      const tasks: LeasedTask[] = []
      for (const worker of places) tasks.push(await scene.start({}, { worker }))
      await scene.store.presence.beat({ nodeId: 'node-2', workers: [], ttlMs: 5_000 })
      const holders = await scene.store.presence.holders()
      assert.deepEqual(leasesOf(holders), [
        ['node-1', true, 2],
        ['node-2', true, 1],
        [null, true, 1],
      ])
      assert.deepEqual(
        holders.filter(({ alive }) => alive).map(({ nodeId }) => nodeId),
        ['node-2'],
      )
      for (const task of [0, 2, 3]) await scene.settle(tasks[task] as LeasedTask, succeeded())
      assert.deepEqual(leasesOf(await scene.store.presence.holders()), [[null, true, 1]])
      await scene.settle(tasks[1] as LeasedTask, succeeded())
      await scene.start({}, { worker: { ...REMOTE, session: false } })
      assert.deepEqual(leasesOf(await scene.store.presence.holders()), [[null, false, 1]])
    })

    it('knows a worker as alive while a beat of its server process holds', async (scene) => {
      await scene.start({}, { worker: EMBEDDED })
      const isAlive = async () => only(await scene.store.presence.holders()).alive
      assert.equal(await isAlive(), false)
      await scene.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await scene.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 0 })
      assert.equal(await isAlive(), false)
    })

    it('knows a worker as alive while some server process answers for it', async (scene) => {
      await scene.start({}, { worker: REMOTE })
      const isAlive = async () => only(await scene.store.presence.holders()).alive
      assert.equal(await isAlive(), false)
      await scene.store.presence.beat({ nodeId: 'node-1', workers: workersOf('other', 'remote'), ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await scene.store.presence.beat({ nodeId: 'node-2', workers: workersOf('other'), ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await scene.store.presence.beat({ nodeId: 'node-1', workers: workersOf('other'), ttlMs: 5_000 })
      assert.equal(await isAlive(), false)
    })

    it('tells when a worker was heard of: the end of its leases moves', async (scene) => {
      const task = await scene.start({}, { worker: REMOTE, leaseMs: 30_000 })
      await scene.clock.advance(10_000)
      await scene.extend(task, 30_000)
      assert.equal(only(await scene.store.presence.holders()).lastEnd, scene.clock.now() + 30_000)
    })

    it('tells when a worker was heard of, also where the deadline of its task comes before the end of its lease', async (scene) => {
      const task = await scene.start({ timeoutSeconds: 20 }, { worker: REMOTE, leaseMs: 30_000 })
      for (let second = 1; second <= 5; second++) {
        const before = only(await scene.store.presence.holders())
        await scene.clock.advance(1000)
        await scene.extend(task, 30_000)
        const { firstEnd, lastEnd } = only(await scene.store.presence.holders())
        assert.notEqual(firstEnd, before.firstEnd)
        assert.notEqual(lastEnd, before.lastEnd)
      }
    })

    it('does not take what others do for a word of a worker: that they ask its tasks to stop, and that they sweep', async (scene) => {
      const task = await scene.start({ timeoutSeconds: 3600 }, { worker: REMOTE })
      await scene.start({}, { worker: REMOTE })
      const before = await scene.store.presence.holders()
      await scene.cancel(task.id)
      await scene.clock.advance(1000)
      assert.deepEqual(await scene.store.presence.holders(), before)
      await scene.sweep()
      assert.deepEqual(await scene.store.presence.holders(), before)
    })

    it('forgets a worker whose leases have ended', async (scene) => {
      const task = await scene.start({}, { worker: REMOTE })
      assert.equal(only(await scene.store.presence.holders()).workerId, 'remote')
      await scene.settle(task, succeeded())
      assert.deepEqual(await scene.store.presence.holders(), [])
    })

    itWithoutFaults('ends all leases of dead workers at once, as crashes, and of nobody else', async (scene) => {
      const dead = [await scene.start({}, { worker: REMOTE }), await scene.start({}, { worker: REMOTE })]
      const alive = await scene.start({}, { worker: EMBEDDED })
      const ended = await scene.store.presence.endLeases({ workers: workersOf('remote', 'unknown') })
      assert.deepEqual(new Set(ended.map(({ taskId }) => taskId)), new Set(idsOf(dead)))
      assert.deepEqual(
        ended.find(({ taskId }) => taskId === dead[0]?.id),
        {
          ...leaseRef(dead[0] ?? alive),
          reason: 'expired',
          namespace: 'default',
          queue: dead[0]?.queue,
          type: 'test',
          workerId: 'remote',
          taskStatus: 'queued',
        },
      )
      assert.equal(await scene.extend(alive), 'ok')
    })

    it('makes the tasks of a dead worker ready at once and its tokens dead', async (scene) => {
      const task = await scene.start({}, { worker: REMOTE })
      await scene.store.presence.endLeases({ workers: workersOf('remote') })
      const { status, crashes } = await scene.find(task.id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
      assert.equal(await scene.extend(task), 'lost')
      assert.equal((await scene.settle(task, succeeded())).status, 'lost')
      assert.equal((await scene.claimOne({ queues: [task.queue] })).id, task.id)
    })

    it('ends a task of a dead worker that was asked to stop', async (scene) => {
      const task = await scene.start({}, { worker: REMOTE })
      await scene.cancel(task.id)
      await scene.store.presence.endLeases({ workers: workersOf('remote') })
      assert.equal((await scene.find(task.id)).status, 'cancelled')
    })

    it('leaves leases that nobody watches to their time, also of workers that are gone', async (scene) => {
      const unwatched = await scene.start({}, { worker: { ...REMOTE, session: false } })
      const watched = await scene.start({}, { worker: REMOTE })
      await scene.store.presence.endLeases({ workers: workersOf('remote') })
      assert.equal((await scene.find(watched.id)).status, 'queued')
      assert.equal(await scene.extend(unwatched), 'ok')
    })

    it('leaves the leases of workers that are alive by the time they would end, and only as long as they are', async (scene) => {
      const tasks = [await scene.start({}, { worker: REMOTE }), await scene.start({}, { worker: EMBEDDED })]
      const workers = workersOf('remote', 'embedded')
      await scene.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      await scene.store.presence.beat({ nodeId: 'node-2', workers: workersOf('other', 'remote'), ttlMs: 4_000 })
      assert.deepEqual(await scene.store.presence.endLeases({ workers }), [])
      for (const task of tasks) assert.equal(await scene.extend(task), 'ok')
      await scene.clock.advance(4_000)
      await scene.store.presence.endLeases({ workers })
      assert.deepEqual(leasesOf(await scene.store.presence.holders()), [['node-1', false, 1]])
      await scene.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 0 })
      await scene.store.presence.endLeases({ workers })
      assert.deepEqual(await scene.store.presence.holders(), [])
    })

    it('ends what a worker held in a process that is dead, not what it holds in another one', async (scene) => {
      await scene.start({}, { worker: { ...EMBEDDED, nodeId: 'node-1' } })
      const task = await scene.start({}, { worker: { ...EMBEDDED, nodeId: 'node-2' } })
      await scene.store.presence.beat({ nodeId: 'node-2', workers: [], ttlMs: 5_000 })
      await scene.store.presence.endLeases({ workers: workersOf('embedded') })
      assert.deepEqual(leasesOf(await scene.store.presence.holders()), [['node-2', false, 1]])
      assert.equal(await scene.extend(task), 'ok')
    })

    it('ends nothing when there is nothing to end', async (scene) => {
      await scene.start()
      assert.deepEqual(await scene.store.presence.endLeases({ workers: workersOf('nobody') }), [])
      assert.deepEqual(await scene.store.presence.endLeases({ workers: [] }), [])
    })
  })
}

/** Node, session and number of leases of each. */
function leasesOf(holders: readonly LeaseHolder[]) {
  return holders
    .map(({ nodeId, session, leases }) => [nodeId, session, leases])
    .sort((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1))
}
