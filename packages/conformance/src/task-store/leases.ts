import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { idsOf, leaseRef, released } from '../test-bed.ts'

/** How leases are extended and end, and their tokens. */
export function describeLeases({ describe, it }: Suite): void {
  describe('leases', () => {
    it('moves the end of an extended lease to now plus its length', async (bed) => {
      const task = await bed.start({}, { leaseMs: 10_000 })
      await bed.clock.advance(9_000)
      assert.equal(await bed.extend(task, 10_000), 'ok')
      await bed.clock.advance(9_999)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      assert.deepEqual(
        (await bed.sweep()).ended.map(({ taskId, reason }) => ({ taskId, reason })),
        [{ taskId: task.id, reason: 'expired' }],
      )
    })

    it('may be made shorter by an extension', async (bed) => {
      const task = await bed.start({}, { leaseMs: 60_000 })
      await bed.extend(task, 1_000)
      await bed.clock.advance(1_000)
      assert.equal((await bed.sweep()).ended[0]?.taskId, task.id)
    })

    it('stays with its holder as long as it is extended', async (bed) => {
      const task = await bed.start({}, { leaseMs: 1_000 })
      for (let beat = 0; beat < 5; beat++) {
        await bed.clock.advance(900)
        assert.equal(await bed.extend(task, 1_000), 'ok')
        assert.deepEqual((await bed.sweep()).ended, [])
      }
      assert.equal((await bed.find(task.id)).attempt, 1)
    })

    it('answers for each lease in the order asked', async (bed) => {
      const [fine, lost, asked] = [await bed.start(), await bed.start(), await bed.start()]
      await bed.settle(lost, released)
      await bed.cancel(asked.id)
      const unknown = { taskId: bed.newTask().id, token: 1 }
      const leases = [asked, lost, fine].map(leaseRef)
      const statuses = await bed.store.tasks.extend({
        namespace: 'default',
        leases: [...leases, unknown, leaseRef(fine)],
        leaseMs: 5_000,
      })
      assert.deepEqual(statuses, ['cancel', 'lost', 'ok', 'lost', 'ok'])
    })

    it('ends when its time is over, and the task is ready again at once', async (bed) => {
      const task = await bed.start({ maxAttempts: 1 }, { leaseMs: 5_000 })
      await bed.clock.advance(5_000)
      const { ended } = await bed.sweep()
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
      assert.equal(await bed.extend(task), 'lost')
      const { status, crashes, attempt } = await bed.find(task.id)
      assert.deepEqual({ status, crashes, attempt }, { status: 'queued', crashes: 1, attempt: 1 })
      assert.deepEqual(idsOf(await bed.claim({ queues: [task.queue] })), [task.id])
    })

    it('never gives out a token that is not above the one before', async (bed) => {
      const id = await bed.submit()
      let before = 0
      for (let round = 0; round < 5; round++) {
        const task = await bed.claimOne()
        assert.equal(task.id, id)
        assert.ok(task.lease.token > before, `${task.lease.token} after ${before}`)
        before = task.lease.token
        await bed.settle(task, released)
      }
    })
  })
}
