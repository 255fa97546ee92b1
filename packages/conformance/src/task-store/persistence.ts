import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { EVERYTHING, failed, idsOf, released, succeeded } from '../test-bed.ts'

/** What a store keeps when it is closed and opened again. */
export function describePersistence({ describe, it }: Suite): void {
  describe('restart', () => {
    it('keeps every task, its state, its history and its place in the order', async (bed) => {
      const scheduled = await bed.submit({ delayMs: 60_000, tags: ['kept'] })
      const done = await bed.start()
      await bed.settle(done, succeeded('{"n":1}' as JsonText))
      const broken = await bed.start()
      await bed.record(broken, { progress: 5, log: 'line' })
      await bed.settle(broken, failed({ retryable: false }))
      const [low, high] = [await bed.submit({ priority: -1 }), await bed.submit({ priority: 1 })]
      const taskIds = [scheduled, done.id, broken.id, low, high]
      const read = async () => ({
        tasks: await bed.store.reads.find({ namespace: 'default', taskIds }),
        listed: await bed.listAll(),
        tagged: await bed.listAll({ tag: 'kept' }),
        counts: await bed.store.reads.counts({ namespace: 'default', queue: null }),
        history: await Promise.all(taskIds.map((id) => bed.events(id))),
      })
      const before = await read()
      await bed.reopen()
      assert.deepEqual(await read(), before)
      assert.deepEqual(idsOf(await bed.claim()), [high, low])
    })

    it('keeps a full queue', async (bed) => {
      const tasks = Array.from({ length: 2_000 }, () => bed.newTask())
      await bed.enqueue([tasks.slice(0, 1_000)])
      await bed.enqueue([tasks.slice(1_000)])
      await bed.reopen()
      const claimed = [...(await bed.claim({ limit: 1_000 })), ...(await bed.claim({ limit: 1_000 }))]
      assert.deepEqual(idsOf(claimed), idsOf(tasks))
    })

    it('keeps leases: their holder goes on, nobody else gets the task', async (bed) => {
      const task = await bed.start()
      await bed.reopen()
      assert.deepEqual(await bed.claim({ queues: [task.queue] }), [])
      assert.equal(await bed.extend(task), 'ok')
      assert.equal((await bed.settle(task, succeeded())).status, 'ok')
    })

    it('keeps the end of a lease', async (bed) => {
      const task = await bed.start({}, { leaseMs: 5_000 })
      await bed.reopen()
      await bed.clock.advance(4_999)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      assert.equal((await bed.sweep()).ended[0]?.taskId, task.id)
    })

    it('keeps tokens rising', async (bed) => {
      const id = await bed.submit()
      let before = 0
      for (let restart = 0; restart < 3; restart++) {
        const { lease } = await bed.claimOne()
        assert.ok(lease.token > before, `${lease.token} after ${before}`)
        before = lease.token
        await bed.settle({ ...(await bed.find(id)), lease }, released)
        await bed.reopen()
      }
    })

    it('keeps a paused queue paused', async (bed) => {
      await bed.submit()
      await bed.store.queues.pause({ namespace: 'default', queue: 'default', paused: true })
      await bed.reopen()
      assert.deepEqual(await bed.claim(), [])
      assert.equal((await bed.counts()).paused, true)
    })

    it('keeps a cancel request', async (bed) => {
      const task = await bed.start()
      await bed.cancel(task.id)
      await bed.reopen()
      assert.equal(await bed.extend(task), 'cancel')
    })

    it('keeps idempotency keys', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const id = await bed.submit({ idempotency })
      await bed.reopen()
      assert.equal(await bed.submit({ idempotency }), id)
    })

    it('still knows a settlement that was accepted before', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, succeeded())
      await bed.reopen()
      const again = await bed.settle(task, succeeded())
      assert.ok(again.status === 'ok' && again.repeated)
    })

    it('continues a list from a cursor of before', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()].reverse()
      const page = { ...EVERYTHING, limit: 1 }
      const { nextCursor } = await bed.store.reads.list({ ...page, cursor: null })
      assert.ok(nextCursor !== null)
      await bed.reopen()
      const rest = await bed.store.reads.list({ ...page, limit: 10, cursor: nextCursor })
      assert.deepEqual(idsOf(rest.items), ids.slice(1))
    })
  })
}
