import assert from 'node:assert/strict'
import { POISON_CRASHES, type WorkerName } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { leaseRef, only, SESSION_WORKER, succeeded } from '../test-bed.ts'

/** Namespaces that share names of queues, keys, workers and types. */
export function describeIsolation({ describe, it }: Suite): void {
  describe('namespaces', () => {
    it('hand out only their own tasks', async (bed) => {
      const here = await bed.submit()
      const there = await bed.submit({ namespace: 'other' })
      assert.equal((await bed.claimOne({ limit: 10 })).id, here)
      assert.equal((await bed.claimOne({ limit: 10, namespace: 'other' })).id, there)
    })

    it('list only their own tasks', async (bed) => {
      const here = await bed.submit({ tags: ['t'] })
      const there = await bed.submit({ namespace: 'other', tags: ['t'] })
      assert.equal(only(await bed.listAll()).id, here)
      assert.equal(only(await bed.listAll({ namespace: 'other' })).id, there)
      assert.equal(only(await bed.listAll({ namespace: 'other', tag: 't' })).id, there)
      assert.deepEqual(await bed.listAll({ namespace: 'empty' }), [])
    })

    it('count only their own tasks', async (bed) => {
      await bed.submit()
      await bed.submit({ namespace: 'other', queue: 'theirs' })
      const queuesOf = async (namespace: string) =>
        (await bed.store.reads.counts({ namespace, queue: null })).map(({ queue, counts }) => [queue, counts.queued])
      assert.deepEqual(await queuesOf('default'), [['default', 1]])
      assert.deepEqual(await queuesOf('other'), [['theirs', 1]])
      assert.deepEqual(await queuesOf('empty'), [])
    })

    it('have keys and depths of their own, also within one batch', async (bed) => {
      const task = bed.newTask({ idempotency: { key: 'k', fingerprint: 'one' } })
      const inOther = { namespace: 'other', idempotency: { key: 'k', fingerprint: 'another' } }
      const outcome = only(await bed.enqueue([[task, bed.newTask(inOther)]], 1))
      assert.deepEqual(outcome.kind === 'accepted' && outcome.tasks.map(({ replayed }) => replayed), [false, false])
      assert.equal((await bed.claimOne({ limit: 10 })).id, task.id)
    })

    it('are told apart within one call', async (bed) => {
      const here = await bed.start()
      const there = await bed.start({ namespace: 'other' })
      const taskIds = [there.id, here.id]
      const found = await bed.store.reads.find({ namespace: 'default', taskIds })
      assert.deepEqual(
        found.map((task) => task?.id ?? null),
        [null, here.id],
      )
      const leases = [there, here].map(leaseRef)
      assert.deepEqual(await bed.store.tasks.extend({ namespace: 'default', leases, leaseMs: 1_000 }), ['lost', 'ok'])
      const cancelled = await bed.store.tasks.cancel({ namespace: 'other', taskIds })
      assert.deepEqual(
        cancelled.map(({ kind }) => kind),
        ['requested', 'not-found'],
      )
      const settlements = leases.map((lease) => ({ ...lease, ...succeeded() }))
      const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
    })

    it('have workers of their own, whatever they are called', async (bed) => {
      const worker = SESSION_WORKER
      const here = await bed.start({}, { worker })
      const there = await bed.start({ namespace: 'other' }, { worker })
      const [mine, theirs] = ['default', 'other'].map((namespace) => ({ namespace, workerId: worker.workerId }))
      const { presence } = bed.store
      await presence.beat({ nodeId: 'node-1', workers: [theirs as WorkerName], ttlMs: 60_000 })
      const alive = (await presence.holders({ namespace: null })).map((holder) => [holder.namespace, holder.alive])
      assert.deepEqual(alive.sort(), [
        ['default', false],
        ['other', true],
      ])
      const ofOne = async (namespace: string) => (await presence.holders({ namespace })).map((each) => each.namespace)
      assert.deepEqual(await Promise.all(['default', 'other', 'othe', 'nobody'].map(ofOne)), [
        ['default'],
        ['other'],
        [],
        [],
      ])
      const ended = await presence.endLeases({ workers: [mine as WorkerName, theirs as WorkerName] })
      assert.deepEqual(
        ended.map(({ namespace, taskId }) => [namespace, taskId]),
        [['default', here.id]],
      )
      assert.equal(await bed.extend(there), 'ok')
    })

    it('never take what a worker of the same name does elsewhere for company', async (bed) => {
      const workers = [{ namespace: 'default', workerId: SESSION_WORKER.workerId }]
      await bed.start({ namespace: 'other' }, { worker: SESSION_WORKER, leaseMs: 60_000 })
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await bed.claimOne({ worker: SESSION_WORKER })
        await bed.store.presence.endLeases({ workers })
      }
      assert.equal((await bed.find(id)).error?.code, 'poisoned')
    })

    it('never take for company what it held there when that ends first', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await bed.start({ namespace: 'other' }, { leaseMs: 1_000 })
        await bed.claimOne({ leaseMs: 2_000 })
        for (let end = 0; end < 2; end++) {
          await bed.clock.advance(1_000)
          only((await bed.sweep()).ended)
        }
      }
      assert.equal((await bed.find(id)).error?.code, 'poisoned')
    })

    it('never take back what counts against a task elsewhere', async (bed) => {
      const workers = [{ namespace: 'default', workerId: SESSION_WORKER.workerId }]
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const leases = [leaseRef(await bed.claimOne({ worker: SESSION_WORKER }))]
        await bed.store.presence.endLeases({ workers })
        await bed.store.presence.takeBackCrashes({ namespace: 'other', leases })
      }
      assert.equal((await bed.find(id)).error?.code, 'poisoned')
    })
  })
}
