import assert from 'node:assert/strict'
import { only } from '../scene.ts'
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
  })
}
