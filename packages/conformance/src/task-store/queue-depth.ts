import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { only, released } from '../test-bed.ts'

/** The limit of waiting tasks of a queue. */
export function describeQueueDepth({ describe, it }: Suite): void {
  describe('queue depth', () => {
    it('answers a repeated call as before, also when the queue is over its limit meanwhile', async (bed) => {
      const first = bed.newTask()
      await bed.enqueue([[first]], 1)
      const task = await bed.claimOne()
      await bed.enqueue([[bed.newTask()]], 1)
      await bed.settle(task, released)
      const again = only(await bed.enqueue([[first]], 1))
      assert.equal(again.kind, 'accepted')
    })

    it('refuses what would make a queue hold more waiting tasks than its limit', async (bed) => {
      await bed.enqueue([[bed.newTask(), bed.newTask({ delayMs: 60_000 })]])
      const refused = bed.newTask()
      assert.deepEqual(await bed.enqueue([[refused]], 2), [{ kind: 'queue-full', queue: 'default' }])
      assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [refused.id] }), [null])
    })

    it('fills a queue exactly to its limit', async (bed) => {
      const outcomes = await bed.enqueue([[bed.newTask()], [bed.newTask()], [bed.newTask()]], 2)
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['accepted', 'accepted', 'queue-full'],
      )
      assert.equal((await bed.counts()).counts.queued, 2)
    })

    it('refuses the whole of a submission that is too big for what is left', async (bed) => {
      const outcome = only(await bed.enqueue([[bed.newTask(), bed.newTask(), bed.newTask()]], 2))
      assert.equal(outcome.kind, 'queue-full')
      assert.deepEqual(await bed.listAll(), [])
    })

    it('does not count running and finished tasks', async (bed) => {
      await bed.submit()
      await bed.claimOne()
      assert.equal(only(await bed.enqueue([[bed.newTask()]], 1)).kind, 'accepted')
    })

    it('limits each queue by itself', async (bed) => {
      await bed.submit({ queue: 'full' })
      const outcomes = await bed.enqueue([[bed.newTask({ queue: 'full' })], [bed.newTask({ queue: 'free' })]], 1)
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['queue-full', 'accepted'],
      )
    })

    it('limits the same queue of two namespaces by itself', async (bed) => {
      await bed.submit({ namespace: 'other' })
      assert.equal(only(await bed.enqueue([[bed.newTask()]], 1)).kind, 'accepted')
    })

    it('accepts a repeated call whose task is in the full queue already', async (bed) => {
      const task = bed.newTask()
      await bed.enqueue([[task]], 1)
      assert.equal(only(await bed.enqueue([[task]], 1)).kind, 'accepted')
    })

    it('counts only what is new of a submission', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await bed.submit({ idempotency })
      const outcome = only(await bed.enqueue([[bed.newTask({ idempotency }), bed.newTask()]], 2))
      assert.equal(outcome.kind, 'accepted')
    })

    it('counts a key that a submission names twice once', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const outcome = only(await bed.enqueue([[bed.newTask({ idempotency }), bed.newTask({ idempotency })]], 1))
      assert.equal(outcome.kind, 'accepted')
    })

    it('counts a key that a submission names in two queues in the first alone', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await bed.submit({ queue: 'full' })
      const tasks = [bed.newTask({ idempotency }), bed.newTask({ queue: 'full', idempotency })]
      assert.equal(only(await bed.enqueue([tasks], 1)).kind, 'accepted')
    })

    it('answers a known idempotency key even when the queue is full', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      await bed.submit({ idempotency })
      assert.equal(only(await bed.enqueue([[bed.newTask({ idempotency })]], 1)).kind, 'accepted')
    })
  })
}
