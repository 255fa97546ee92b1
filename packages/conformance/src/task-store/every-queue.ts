import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { CLAIM, idsOf, leaseRef, only, succeeded } from '../test-bed.ts'

/** A claim of every queue. */
const EVERY = { queues: null } as const
/** More than a store looks at in one query. */
const MANY = 450

/** Claims that name no queue, and so mean every queue of their namespace. */
export function describeEveryQueue({ describe, it }: Suite): void {
  describe('claims of every queue', () => {
    it('take higher priority first, then what has been ready longest, whatever the queue', async (bed) => {
      const early = await bed.submit({ queue: 'b' })
      await bed.clock.advance(1)
      const late = await bed.submit({ queue: 'a', type: 'other' })
      const low = await bed.submit({ queue: 'c', priority: -1 })
      const high = await bed.submit({ queue: 'd', priority: 1 })
      assert.deepEqual(idsOf(await bed.claim({ ...EVERY, limit: 3 })), [high, early, late])
      assert.deepEqual(idsOf(await bed.claim(EVERY)), [low])
    })

    it('find nothing where nothing was ever submitted, and then what is in a queue that is new', async (bed) => {
      assert.deepEqual(await bed.claim(EVERY), [])
      const id = await bed.submit({ queue: 'new' })
      assert.equal((await bed.claimOne(EVERY)).id, id)
      const delayed = await bed.submit({ queue: 'newer', delayMs: 10 })
      await bed.clock.advance(10)
      assert.equal((await bed.claimOne(EVERY)).id, delayed)
    })

    it('take only the types asked for', async (bed) => {
      await bed.submit({ queue: 'a', type: 'unhandled', priority: 9 })
      const ids = [await bed.submit({ queue: 'a', type: 'x' }), await bed.submit({ queue: 'b', type: 'y' })]
      assert.deepEqual(idsOf(await bed.claim({ ...EVERY, types: ['y', 'x', 'x', 'unknown'] })), ids)
      assert.deepEqual(await bed.claim({ ...EVERY, types: [] }), [])
    })

    it('leave paused queues and other namespaces alone', async (bed) => {
      const pause = { namespace: 'default', queue: 'held', paused: true }
      await bed.store.queues.pause(pause)
      const held = await bed.submit({ queue: 'held', priority: 9 })
      await bed.submit({ queue: 'held', namespace: 'other' })
      const id = await bed.submit({ queue: 'open' })
      assert.deepEqual(idsOf(await bed.claim(EVERY)), [id])
      await bed.store.queues.pause({ ...pause, paused: false })
      assert.deepEqual(idsOf(await bed.claim(EVERY)), [held])
      assert.equal(only(await bed.claim({ ...EVERY, namespace: 'other' })).namespace, 'other')
    })

    it('find tasks in many queues, in order', async (bed) => {
      const tasks = Array.from({ length: MANY }, (_, n) => bed.newTask({ queue: `queue-${(n * 7) % MANY}` }))
      await bed.enqueue([tasks])
      assert.deepEqual(idsOf(await bed.claim({ ...EVERY, limit: MANY - 1 })), idsOf(tasks.slice(0, -1)))
      assert.deepEqual(idsOf(await bed.claim(EVERY)), idsOf(tasks.slice(-1)))
    })

    it('find a task behind many queues whose types nobody handles', async (bed) => {
      const unhandled = (_: unknown, n: number) => bed.newTask({ queue: `queue-${n}`, type: 'unhandled', priority: 9 })
      await bed.enqueue([Array.from({ length: MANY }, unhandled)])
      const id = await bed.submit({ queue: 'queue-7' })
      assert.equal((await bed.claimOne({ ...EVERY, types: ['test'] })).id, id)
    })

    it('may go along with a settlement, and be repeated', async (bed) => {
      await bed.submit({ queue: 'a' })
      const next = await bed.submit({ queue: 'b' })
      const task = await bed.claimOne(EVERY)
      const claim = { ...CLAIM, ...EVERY, requestId: 'next' }
      const settlements = [{ ...leaseRef(task), ...succeeded() }]
      const { tasks } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim })
      assert.deepEqual(idsOf(tasks), [next])
      const again = only(await bed.store.tasks.claim(claim))
      assert.equal(again.id, next)
      assert.equal(again.lease.again, true)
    })
  })
}
