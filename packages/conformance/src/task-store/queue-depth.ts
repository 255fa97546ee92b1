import assert from 'node:assert/strict'
import { only, released } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeQueueDepth({ describe, it }: Suite): void {
  describe('queue depth', () => {
    it('answers a repeated call as before, also when the queue is over its limit meanwhile', async (scene) => {
      const first = scene.newTask()
      await scene.enqueue([[first]], 1)
      const task = await scene.claimOne()
      await scene.enqueue([[scene.newTask()]], 1)
      await scene.settle(task, released)
      const again = only(await scene.enqueue([[first]], 1))
      assert.equal(again.kind, 'accepted')
    })

    it('refuses what would make a queue hold more waiting tasks than its limit', async (scene) => {
      await scene.enqueue([[scene.newTask(), scene.newTask({ delayMs: 60_000 })]])
      const refused = scene.newTask()
      assert.deepEqual(await scene.enqueue([[refused]], 2), [{ kind: 'queue-full', queue: 'default' }])
      assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: [refused.id] }), [null])
    })

    it('fills a queue exactly to its limit', async (scene) => {
      const outcomes = await scene.enqueue([[scene.newTask()], [scene.newTask()], [scene.newTask()]], 2)
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['accepted', 'accepted', 'queue-full'],
      )
      assert.equal((await scene.counts()).counts.queued, 2)
    })

    it('refuses the whole of a submission that is too big for what is left', async (scene) => {
      const outcome = only(await scene.enqueue([[scene.newTask(), scene.newTask(), scene.newTask()]], 2))
      assert.equal(outcome.kind, 'queue-full')
      assert.deepEqual(await scene.listAll(), [])
    })

    it('does not count running and finished tasks', async (scene) => {
      await scene.submit()
      await scene.claimOne()
      assert.equal(only(await scene.enqueue([[scene.newTask()]], 1)).kind, 'accepted')
    })

    it('limits each queue by itself', async (scene) => {
      await scene.submit({ queue: 'full' })
      const outcomes = await scene.enqueue([[scene.newTask({ queue: 'full' })], [scene.newTask({ queue: 'free' })]], 1)
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['queue-full', 'accepted'],
      )
    })

    it('limits the same queue of two namespaces by itself', async (scene) => {
      await scene.submit({ namespace: 'other' })
      assert.equal(only(await scene.enqueue([[scene.newTask()]], 1)).kind, 'accepted')
    })

    it('accepts a repeated call whose task is in the full queue already', async (scene) => {
      const task = scene.newTask()
      await scene.enqueue([[task]], 1)
      assert.equal(only(await scene.enqueue([[task]], 1)).kind, 'accepted')
    })

    it('counts only what is new of a submission', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await scene.submit({ idempotency })
      const outcome = only(await scene.enqueue([[scene.newTask({ idempotency }), scene.newTask()]], 2))
      assert.equal(outcome.kind, 'accepted')
    })

    it('counts a key that a submission names twice once', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const outcome = only(await scene.enqueue([[scene.newTask({ idempotency }), scene.newTask({ idempotency })]], 1))
      assert.equal(outcome.kind, 'accepted')
    })

    it('counts a key that a submission names in two queues in the first alone', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await scene.submit({ queue: 'full' })
      const tasks = [scene.newTask({ idempotency }), scene.newTask({ queue: 'full', idempotency })]
      assert.equal(only(await scene.enqueue([tasks], 1)).kind, 'accepted')
    })

    it('answers a known idempotency key even when the queue is full', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await scene.submit({ idempotency })
      assert.equal(only(await scene.enqueue([[scene.newTask({ idempotency })]], 1)).kind, 'accepted')
    })
  })
}
