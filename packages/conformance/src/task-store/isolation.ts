import assert from 'node:assert/strict'
import { POISON_CRASHES, type WorkerName } from '@taskyard/core'
import { leaseRef, only, succeeded, WATCHED } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeIsolation({ describe, it }: Suite): void {
  describe('namespaces', () => {
    it('hand out only their own tasks', async (scene) => {
      const here = await scene.submit()
      const there = await scene.submit({ namespace: 'other' })
      assert.equal((await scene.claimOne({ limit: 10 })).id, here)
      assert.equal((await scene.claimOne({ limit: 10, namespace: 'other' })).id, there)
    })

    it('list only their own tasks', async (scene) => {
      const here = await scene.submit({ tags: ['t'] })
      const there = await scene.submit({ namespace: 'other', tags: ['t'] })
      assert.equal(only(await scene.listAll()).id, here)
      assert.equal(only(await scene.listAll({ namespace: 'other' })).id, there)
      assert.equal(only(await scene.listAll({ namespace: 'other', tag: 't' })).id, there)
      assert.deepEqual(await scene.listAll({ namespace: 'empty' }), [])
    })

    it('count only their own tasks', async (scene) => {
      await scene.submit()
      await scene.submit({ namespace: 'other', queue: 'theirs' })
      const queuesOf = async (namespace: string) =>
        (await scene.store.reads.counts({ namespace, queue: null })).map(({ queue, counts }) => [queue, counts.queued])
      assert.deepEqual(await queuesOf('default'), [['default', 1]])
      assert.deepEqual(await queuesOf('other'), [['theirs', 1]])
      assert.deepEqual(await queuesOf('empty'), [])
    })

    it('have keys and depths of their own, also within one batch', async (scene) => {
      const task = scene.newTask({ idempotency: { key: 'k', fingerprint: 'one' } })
      const inOther = { namespace: 'other', idempotency: { key: 'k', fingerprint: 'another' } }
      const outcome = only(await scene.enqueue([[task, scene.newTask(inOther)]], 1))
      assert.deepEqual(outcome.kind === 'accepted' && outcome.tasks.map(({ replayed }) => replayed), [false, false])
      assert.equal((await scene.claimOne({ limit: 10 })).id, task.id)
    })

    it('are told apart within one call', async (scene) => {
      const here = await scene.start()
      const there = await scene.start({ namespace: 'other' })
      const taskIds = [there.id, here.id]
      const found = await scene.store.reads.find({ namespace: 'default', taskIds })
      assert.deepEqual(
        found.map((task) => task?.id ?? null),
        [null, here.id],
      )
      const leases = [there, here].map(leaseRef)
      assert.deepEqual(await scene.store.tasks.extend({ namespace: 'default', leases, leaseMs: 1_000 }), ['lost', 'ok'])
      const cancelled = await scene.store.tasks.cancel({ namespace: 'other', taskIds })
      assert.deepEqual(
        cancelled.map(({ kind }) => kind),
        ['requested', 'not-found'],
      )
      const settlements = leases.map((lease) => ({ ...lease, ...succeeded() }))
      const { results } = await scene.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
    })

    it('have workers of their own, whatever they are called', async (scene) => {
      const worker = WATCHED
      const here = await scene.start({}, { worker })
      const there = await scene.start({ namespace: 'other' }, { worker })
      const [mine, theirs] = ['default', 'other'].map((namespace) => ({ namespace, workerId: worker.workerId }))
      const { presence } = scene.store
      await presence.beat({ nodeId: 'node-1', workers: [theirs as WorkerName], ttlMs: 60_000 })
      const alive = (await presence.holders()).map((holder) => [holder.namespace, holder.alive])
      assert.deepEqual(alive.sort(), [
        ['default', false],
        ['other', true],
      ])
      const ended = await presence.endLeases({ workers: [mine as WorkerName, theirs as WorkerName] })
      assert.deepEqual(
        ended.map(({ namespace, taskId }) => [namespace, taskId]),
        [['default', here.id]],
      )
      assert.equal(await scene.extend(there), 'ok')
    })

    it('never take what a worker of the same name does elsewhere for company', async (scene) => {
      const workers = [{ namespace: 'default', workerId: WATCHED.workerId }]
      await scene.start({ namespace: 'other' }, { worker: WATCHED, leaseMs: 60_000 })
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await scene.claimOne({ worker: WATCHED })
        await scene.store.presence.endLeases({ workers })
      }
      assert.equal((await scene.find(id)).error?.code, 'poisoned')
    })

    it('never take for company what it held there when that ends first', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await scene.start({ namespace: 'other' }, { leaseMs: 1_000 })
        await scene.claimOne({ leaseMs: 2_000 })
        for (let end = 0; end < 2; end++) {
          await scene.clock.advance(1_000)
          only((await scene.sweep()).ended)
        }
      }
      assert.equal((await scene.find(id)).error?.code, 'poisoned')
    })

    it('never take back what counts against a task elsewhere', async (scene) => {
      const workers = [{ namespace: 'default', workerId: WATCHED.workerId }]
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const leases = [leaseRef(await scene.claimOne({ worker: WATCHED }))]
        await scene.store.presence.endLeases({ workers })
        await scene.store.presence.takeBackCrashes({ namespace: 'other', leases })
      }
      assert.equal((await scene.find(id)).error?.code, 'poisoned')
    })
  })
}
