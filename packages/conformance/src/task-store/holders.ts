import assert from 'node:assert/strict'
import type { LeasedTask, LeaseHolder } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { idsOf, leaseRef, only, succeeded, workersOf } from '../test-bed.ts'

const REMOTE = { workerId: 'remote', nodeId: null, session: true }
const EMBEDDED = { workerId: 'embedded', nodeId: 'node-1', session: false }

/** Who holds leases, who is alive, and ending the leases of dead workers. */
export function describeHolders({ describe, it, itWithoutFaults }: Suite): void {
  describe('lease holders', () => {
    it('tells who holds how many leases', async (bed) => {
      await bed.start({}, { worker: REMOTE, leaseMs: 30_000 })
      await bed.start({}, { worker: REMOTE, leaseMs: 10_000 })
      await bed.start({}, { worker: EMBEDDED, leaseMs: 20_000 })
      const holders = [...(await bed.store.presence.holders({ namespace: null }))].sort(
        (one, other) => other.leases - one.leases,
      )
      const now = bed.clock.now()
      assert.deepEqual(
        holders.map(({ alive, ...holder }) => holder),
        [
          { ...REMOTE, namespace: 'default', leases: 2, firstEnd: now + 10_000, lastEnd: now + 30_000 },
          { ...EMBEDDED, namespace: 'default', leases: 1, firstEnd: now + 20_000, lastEnd: now + 20_000 },
        ],
      )
    })

    it('tells that a worker keeps a session when any of its leases says so, as long as that lasts', async (bed) => {
      const withOne = await bed.start({}, { worker: REMOTE, leaseMs: 10_000 })
      await bed.start({}, { worker: { ...REMOTE, session: false }, leaseMs: 20_000 })
      const { alive, ...holder } = only(await bed.store.presence.holders({ namespace: null }))
      const [firstEnd, lastEnd] = [bed.clock.now() + 10_000, bed.clock.now() + 20_000]
      assert.deepEqual(holder, { ...REMOTE, namespace: 'default', leases: 2, firstEnd, lastEnd })
      await bed.settle(withOne, succeeded())
      assert.deepEqual(leasesOf(await bed.store.presence.holders({ namespace: null })), [[null, false, 1]])
    })

    it('tells of the leases of a worker in each process that it lives in, and in none', async (bed) => {
      const places = ['node-1', null, 'node-2', 'node-1'].map((nodeId) => ({ ...REMOTE, nodeId }))
      const tasks: LeasedTask[] = []
      for (const worker of places) tasks.push(await bed.start({}, { worker }))
      await bed.store.presence.beat({ nodeId: 'node-2', workers: [], ttlMs: 5_000 })
      const holders = await bed.store.presence.holders({ namespace: null })
      assert.deepEqual(leasesOf(holders), [
        ['node-1', true, 2],
        ['node-2', true, 1],
        [null, true, 1],
      ])
      assert.deepEqual(
        holders.filter(({ alive }) => alive).map(({ nodeId }) => nodeId),
        ['node-2'],
      )
      for (const task of [0, 2, 3]) await bed.settle(tasks[task] as LeasedTask, succeeded())
      assert.deepEqual(leasesOf(await bed.store.presence.holders({ namespace: null })), [[null, true, 1]])
      await bed.settle(tasks[1] as LeasedTask, succeeded())
      await bed.start({}, { worker: { ...REMOTE, session: false } })
      assert.deepEqual(leasesOf(await bed.store.presence.holders({ namespace: null })), [[null, false, 1]])
    })

    it('knows a worker as alive while a beat of its server process holds', async (bed) => {
      await bed.start({}, { worker: EMBEDDED })
      const isAlive = async () => only(await bed.store.presence.holders({ namespace: null })).alive
      assert.equal(await isAlive(), false)
      await bed.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await bed.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 0 })
      assert.equal(await isAlive(), false)
    })

    it('knows a worker as alive while some server process answers for it', async (bed) => {
      await bed.start({}, { worker: REMOTE })
      const isAlive = async () => only(await bed.store.presence.holders({ namespace: null })).alive
      assert.equal(await isAlive(), false)
      await bed.store.presence.beat({ nodeId: 'node-1', workers: workersOf('other', 'remote'), ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await bed.store.presence.beat({ nodeId: 'node-2', workers: workersOf('other'), ttlMs: 5_000 })
      assert.equal(await isAlive(), true)
      await bed.store.presence.beat({ nodeId: 'node-1', workers: workersOf('other'), ttlMs: 5_000 })
      assert.equal(await isAlive(), false)
    })

    it('tells when a worker was heard of: the end of its leases moves', async (bed) => {
      const task = await bed.start({}, { worker: REMOTE, leaseMs: 30_000 })
      await bed.clock.advance(10_000)
      await bed.extend(task, 30_000)
      assert.equal(only(await bed.store.presence.holders({ namespace: null })).lastEnd, bed.clock.now() + 30_000)
    })

    it('tells when a worker was heard of, also where the deadline of its task comes before the end of its lease', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 20 }, { worker: REMOTE, leaseMs: 30_000 })
      for (let second = 1; second <= 5; second++) {
        const before = only(await bed.store.presence.holders({ namespace: null }))
        await bed.clock.advance(1000)
        await bed.extend(task, 30_000)
        const { firstEnd, lastEnd } = only(await bed.store.presence.holders({ namespace: null }))
        assert.notEqual(firstEnd, before.firstEnd)
        assert.notEqual(lastEnd, before.lastEnd)
      }
    })

    it('does not take what others do for a word of a worker: that they ask its tasks to stop, and that they sweep', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 3600 }, { worker: REMOTE })
      await bed.start({}, { worker: REMOTE })
      const before = await bed.store.presence.holders({ namespace: null })
      await bed.cancel(task.id)
      await bed.clock.advance(1000)
      assert.deepEqual(await bed.store.presence.holders({ namespace: null }), before)
      await bed.sweep()
      assert.deepEqual(await bed.store.presence.holders({ namespace: null }), before)
    })

    it('forgets a worker whose leases have ended', async (bed) => {
      const task = await bed.start({}, { worker: REMOTE })
      assert.equal(only(await bed.store.presence.holders({ namespace: null })).workerId, 'remote')
      await bed.settle(task, succeeded())
      assert.deepEqual(await bed.store.presence.holders({ namespace: null }), [])
    })

    itWithoutFaults('ends all leases of dead workers at once, as crashes, and of nobody else', async (bed) => {
      const dead = [await bed.start({}, { worker: REMOTE }), await bed.start({}, { worker: REMOTE })]
      const alive = await bed.start({}, { worker: EMBEDDED })
      const ended = await bed.store.presence.endLeases({ workers: workersOf('remote', 'unknown') })
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
      assert.equal(await bed.extend(alive), 'ok')
    })

    it('makes the tasks of a dead worker ready at once and its tokens dead', async (bed) => {
      const task = await bed.start({}, { worker: REMOTE })
      await bed.store.presence.endLeases({ workers: workersOf('remote') })
      const { status, crashes } = await bed.find(task.id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
      assert.equal(await bed.extend(task), 'lost')
      assert.equal((await bed.settle(task, succeeded())).status, 'lost')
      assert.equal((await bed.claimOne({ queues: [task.queue] })).id, task.id)
    })

    it('ends a task of a dead worker that was asked to stop', async (bed) => {
      const task = await bed.start({}, { worker: REMOTE })
      await bed.cancel(task.id)
      await bed.store.presence.endLeases({ workers: workersOf('remote') })
      assert.equal((await bed.find(task.id)).status, 'cancelled')
    })

    it('leaves leases that nobody watches to their time, also of workers that are gone', async (bed) => {
      const unwatched = await bed.start({}, { worker: { ...REMOTE, session: false } })
      const watched = await bed.start({}, { worker: REMOTE })
      await bed.store.presence.endLeases({ workers: workersOf('remote') })
      assert.equal((await bed.find(watched.id)).status, 'queued')
      assert.equal(await bed.extend(unwatched), 'ok')
    })

    it('leaves the leases of workers that are alive by the time they would end, and only as long as they are', async (bed) => {
      const tasks = [await bed.start({}, { worker: REMOTE }), await bed.start({}, { worker: EMBEDDED })]
      const workers = workersOf('remote', 'embedded')
      await bed.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      await bed.store.presence.beat({ nodeId: 'node-2', workers: workersOf('other', 'remote'), ttlMs: 4_000 })
      assert.deepEqual(await bed.store.presence.endLeases({ workers }), [])
      for (const task of tasks) assert.equal(await bed.extend(task), 'ok')
      await bed.clock.advance(4_000)
      await bed.store.presence.endLeases({ workers })
      assert.deepEqual(leasesOf(await bed.store.presence.holders({ namespace: null })), [['node-1', false, 1]])
      await bed.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 0 })
      await bed.store.presence.endLeases({ workers })
      assert.deepEqual(await bed.store.presence.holders({ namespace: null }), [])
    })

    it('ends what a worker held in a process that is dead, not what it holds in another one', async (bed) => {
      await bed.start({}, { worker: { ...EMBEDDED, nodeId: 'node-1' } })
      const task = await bed.start({}, { worker: { ...EMBEDDED, nodeId: 'node-2' } })
      await bed.store.presence.beat({ nodeId: 'node-2', workers: [], ttlMs: 5_000 })
      await bed.store.presence.endLeases({ workers: workersOf('embedded') })
      assert.deepEqual(leasesOf(await bed.store.presence.holders({ namespace: null })), [['node-2', false, 1]])
      assert.equal(await bed.extend(task), 'ok')
    })

    it('ends nothing when there is nothing to end', async (bed) => {
      await bed.start()
      assert.deepEqual(await bed.store.presence.endLeases({ workers: workersOf('nobody') }), [])
      assert.deepEqual(await bed.store.presence.endLeases({ workers: [] }), [])
    })
  })
}

/** Node, session and number of leases of each. */
function leasesOf(holders: readonly LeaseHolder[]) {
  return holders
    .map(({ nodeId, session, leases }) => [nodeId, session, leases])
    .sort((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1))
}
