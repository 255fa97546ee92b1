import assert from 'node:assert/strict'
import { idsOf, leaseRef, released } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeLeases({ describe, it }: Suite): void {
  describe('leases', () => {
    it('moves the end of an extended lease to now plus its length', async (scene) => {
      const task = await scene.start({}, { leaseMs: 10_000 })
      await scene.clock.advance(9_000)
      assert.equal(await scene.extend(task, 10_000), 'ok')
      await scene.clock.advance(9_999)
      assert.deepEqual((await scene.sweep()).ended, [])
      await scene.clock.advance(1)
      assert.deepEqual(
        (await scene.sweep()).ended.map(({ taskId, reason }) => ({ taskId, reason })),
        [{ taskId: task.id, reason: 'expired' }],
      )
    })

    it('may be made shorter by an extension', async (scene) => {
      const task = await scene.start({}, { leaseMs: 60_000 })
      await scene.extend(task, 1_000)
      await scene.clock.advance(1_000)
      assert.equal((await scene.sweep()).ended[0]?.taskId, task.id)
    })

    it('stays with its holder as long as it is extended', async (scene) => {
      const task = await scene.start({}, { leaseMs: 1_000 })
      for (let beat = 0; beat < 5; beat++) {
        await scene.clock.advance(900)
        assert.equal(await scene.extend(task, 1_000), 'ok')
        assert.deepEqual((await scene.sweep()).ended, [])
      }
      assert.equal((await scene.find(task.id)).attempt, 1)
    })

    it('answers for each lease in the order asked', async (scene) => {
      const [fine, lost, asked] = [await scene.start(), await scene.start(), await scene.start()]
      await scene.settle(lost, released)
      await scene.cancel(asked.id)
      const unknown = { taskId: scene.newTask().id, token: 1 }
      const leases = [asked, lost, fine].map(leaseRef)
      const statuses = await scene.store.tasks.extend({
        namespace: 'default',
        leases: [...leases, unknown, leaseRef(fine)],
        leaseMs: 5_000,
      })
      assert.deepEqual(statuses, ['cancel', 'lost', 'ok', 'lost', 'ok'])
    })

    it('ends when its time is over, and the task is ready again at once', async (scene) => {
      const task = await scene.start({ maxAttempts: 1 }, { leaseMs: 5_000 })
      await scene.clock.advance(5_000)
      const { ended } = await scene.sweep()
      assert.deepEqual(ended, [
        {
          ...leaseRef(task),
          reason: 'expired',
          namespace: 'default',
          queue: task.queue,
          type: 'test',
          workerId: 'worker-1',
          taskStatus: 'queued',
        },
      ])
      assert.equal(await scene.extend(task), 'lost')
      const { status, crashes, attempt } = await scene.find(task.id)
      assert.deepEqual({ status, crashes, attempt }, { status: 'queued', crashes: 1, attempt: 1 })
      assert.deepEqual(idsOf(await scene.claim({ queues: [task.queue] })), [task.id])
    })

    it('never gives out a token that is not above the one before', async (scene) => {
      const id = await scene.submit()
      let before = 0
      for (let round = 0; round < 5; round++) {
        const task = await scene.claimOne()
        assert.equal(task.id, id)
        assert.ok(task.lease.token > before, `${task.lease.token} after ${before}`)
        before = task.lease.token
        await scene.settle(task, released)
      }
    })
  })
}
