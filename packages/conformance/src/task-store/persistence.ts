import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import { failed, idsOf, released, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describePersistence({ describe, it }: Suite): void {
  describe('restart', () => {
    it('keeps every task, its state, its history and its place in the order', async (scene) => {
      const scheduled = await scene.submit({ delayMs: 60_000, tags: ['kept'] })
      const done = await scene.start()
      await scene.settle(done, succeeded('{"n":1}' as JsonText))
      const broken = await scene.start()
      await scene.record(broken, { progress: 5, log: 'line' })
      await scene.settle(broken, failed({ retryable: false }))
      const [low, high] = [await scene.submit({ priority: -1 }), await scene.submit({ priority: 1 })]
      const taskIds = [scheduled, done.id, broken.id, low, high]
      const read = async () => ({
        tasks: await scene.store.reads.find({ namespace: 'default', taskIds }),
        listed: await scene.listAll(),
        tagged: await scene.listAll({ tag: 'kept' }),
        counts: await scene.store.reads.counts({ namespace: 'default', queue: null }),
        history: await Promise.all(taskIds.map((id) => scene.events(id))),
      })
      const before = await read()
      await scene.reopen()
      assert.deepEqual(await read(), before)
      assert.deepEqual(idsOf(await scene.claim()), [high, low])
    })

    it('keeps a full queue', async (scene) => {
      const tasks = Array.from({ length: 2_000 }, () => scene.newTask())
      await scene.enqueue([tasks.slice(0, 1_000)])
      await scene.enqueue([tasks.slice(1_000)])
      await scene.reopen()
      const claimed = [...(await scene.claim({ limit: 1_000 })), ...(await scene.claim({ limit: 1_000 }))]
      assert.deepEqual(idsOf(claimed), idsOf(tasks))
    })

    it('keeps leases: their holder goes on, nobody else gets the task', async (scene) => {
      const task = await scene.start()
      await scene.reopen()
      assert.deepEqual(await scene.claim({ queues: [task.queue] }), [])
      assert.equal(await scene.extend(task), 'ok')
      assert.equal((await scene.settle(task, succeeded())).status, 'ok')
    })

    it('keeps the end of a lease', async (scene) => {
      const task = await scene.start({}, { leaseMs: 5_000 })
      await scene.reopen()
      await scene.clock.advance(4_999)
      assert.deepEqual((await scene.sweep()).ended, [])
      await scene.clock.advance(1)
      assert.equal((await scene.sweep()).ended[0]?.taskId, task.id)
    })

    it('keeps tokens rising', async (scene) => {
      const id = await scene.submit()
      let before = 0
      for (let restart = 0; restart < 3; restart++) {
        const { lease } = await scene.claimOne()
        assert.ok(lease.token > before, `${lease.token} after ${before}`)
        before = lease.token
        await scene.settle({ ...(await scene.find(id)), lease }, released)
        await scene.reopen()
      }
    })

    it('keeps a paused queue paused', async (scene) => {
      await scene.submit()
      await scene.store.queues.pause({ namespace: 'default', queue: 'default', paused: true })
      await scene.reopen()
      assert.deepEqual(await scene.claim(), [])
      assert.equal((await scene.counts()).paused, true)
    })

    it('keeps a cancel request', async (scene) => {
      const task = await scene.start()
      await scene.cancel(task.id)
      await scene.reopen()
      assert.equal(await scene.extend(task), 'cancel')
    })

    it('keeps idempotency keys', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const id = await scene.submit({ idempotency })
      await scene.reopen()
      assert.equal(await scene.submit({ idempotency }), id)
    })

    it('still knows a settlement that was accepted before', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, succeeded())
      await scene.reopen()
      const again = await scene.settle(task, succeeded())
      assert.ok(again.status === 'ok' && again.repeated)
    })

    it('continues a list from a cursor of before', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()].reverse()
      const filter = { namespace: 'default', status: null, type: null, queue: null, tag: null }
      const page = { ...filter, createdAfter: null, createdBefore: null, limit: 1 }
      const { nextCursor } = await scene.store.reads.list({ ...page, cursor: null })
      assert.ok(nextCursor !== null)
      await scene.reopen()
      const rest = await scene.store.reads.list({ ...page, limit: 10, cursor: nextCursor })
      assert.deepEqual(idsOf(rest.items), ids.slice(1))
    })
  })
}
