import assert from 'node:assert/strict'
import { type JsonText, type LeasedTask, LIMITS } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { idsOf, only, released } from '../test-bed.ts'

/** Which ready tasks a claim takes, and in which order: priority, readiness, submission. */
export function describeClaimOrder({ describe, it }: Suite): void {
  describe('claim order', () => {
    it('hands out a task with everything a worker needs', async (bed) => {
      const id = await bed.submit()
      await bed.clock.advance(5)
      const task = await bed.claimOne({ leaseMs: 20_000 })
      const now = bed.clock.now()
      assert.equal(task.id, id)
      assert.equal(task.status, 'running')
      assert.equal(task.attempt, 1)
      assert.equal(task.workerId, 'worker-1')
      assert.equal(task.startedAt, now)
      assert.equal(task.lease.expiresAt, now + 20_000)
      assert.ok(task.lease.token >= 1)
      const { lease, ...rest } = task
      assert.deepEqual(await bed.find(id), rest)
    })

    it('goes first come, first served', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit({ type: 'other' })]
      await bed.clock.advance(1)
      ids.push(await bed.submit())
      assert.deepEqual(idsOf(await bed.claim()), ids)
    })

    it('keeps the order of a batch', async (bed) => {
      const tasks = Array.from({ length: 50 }, () => bed.newTask())
      await bed.enqueue([tasks])
      assert.deepEqual(idsOf(await bed.claim({ limit: 50 })), idsOf(tasks))
    })

    it('takes higher priority first, whatever the queue and type', async (bed) => {
      const low = await bed.submit({ priority: -1000 })
      const normal = await bed.submit()
      const high = await bed.submit({ priority: 1000, queue: 'b' })
      const higher = await bed.submit({ priority: 7, type: 'other' })
      const claimed = [
        ...(await bed.claim({ queues: ['default', 'b'], limit: 2 })),
        ...(await bed.claim({ queues: ['default', 'b'], limit: 2 })),
      ]
      assert.deepEqual(idsOf(claimed), [high, higher, normal, low])
    })

    it('ranks equal priorities over several queues and types by readiness', async (bed) => {
      const ids: string[] = []
      for (let task = 0; task < 6; task++) {
        ids.push(await bed.submit({ queue: task % 2 === 0 ? 'a' : 'b', type: `type-${task % 3}` }))
        await bed.clock.advance(1)
      }
      assert.deepEqual(idsOf(await bed.claim({ queues: ['b', 'a'] })), ids)
    })

    it('ranks a delayed task by when it became ready', async (bed) => {
      const delayed = await bed.submit({ delayMs: 100 })
      await bed.clock.advance(50)
      const early = await bed.submit()
      await bed.clock.advance(100)
      const late = await bed.submit()
      await bed.sweep()
      assert.deepEqual(idsOf(await bed.claim()), [early, delayed, late])
    })

    it('keeps the order of delayed tasks of several types that become ready in the same moment', async (bed) => {
      const tasks = Array.from({ length: 8 }, (_, n) => bed.newTask({ type: `type-${(n * 3) % 8}`, delayMs: 100 }))
      await bed.enqueue([tasks])
      await bed.clock.advance(100)
      await bed.sweep()
      assert.deepEqual(idsOf(await bed.claim({ limit: 5 })), idsOf(tasks.slice(0, 5)))
      assert.deepEqual(idsOf(await bed.claim()), idsOf(tasks.slice(5)))
    })

    it('never hands out a task before its time', async (bed) => {
      await bed.submit({ delayMs: 1000 })
      await bed.clock.advance(999)
      await bed.sweep()
      assert.deepEqual(await bed.claim(), [])
    })

    it('hands out a due task at once, without a sweep', async (bed) => {
      const id = await bed.submit({ delayMs: 1000 })
      await bed.clock.advance(1000)
      assert.equal((await bed.claimOne()).id, id)
    })

    it('respects the limit', async (bed) => {
      for (let task = 0; task < 5; task++) await bed.submit()
      assert.equal((await bed.claim({ limit: 3 })).length, 3)
      assert.equal((await bed.claim({ limit: 3 })).length, 2)
      assert.equal((await bed.claim({ limit: 3 })).length, 0)
    })

    it('ends an answer with the task that fills it', async (bed) => {
      const small = Array.from({ length: 30 }, () => bed.newTask())
      const large = Array.from({ length: 12 }, () => bed.newTask({ payload: ONE_MEBIBYTE }))
      await bed.enqueue([small])
      for (let from = 0; from < large.length; from += 6) await bed.enqueue([large.slice(from, from + 6)])
      const first = await bed.claim({ limit: 1000 })
      assert.ok(bytesOf(first.slice(0, -1)) < LIMITS.claimBytes, `${bytesOf(first)} bytes in one answer`)
      const second = await bed.claim({ limit: 1000 })
      assert.deepEqual([...idsOf(first), ...idsOf(second)], [...idsOf(small), ...idsOf(large)])
      assert.deepEqual(await bed.claim(), [])
    })

    it('takes only the queues and types asked for', async (bed) => {
      await bed.submit({ queue: 'other' })
      await bed.submit({ type: 'other' })
      const wanted = await bed.submit({ type: 'wanted' })
      const alsoWanted = await bed.submit({ type: 'also-wanted' })
      assert.deepEqual(idsOf(await bed.claim({ types: ['wanted', 'also-wanted', 'unknown'] })), [wanted, alsoWanted])
      assert.deepEqual(await bed.claim({ queues: ['unknown'] }), [])
      assert.deepEqual(await bed.claim({ types: [] }), [])
    })

    it('takes a queue or type that is named twice once', async (bed) => {
      const id = await bed.submit()
      const claimed = await bed.claim({ queues: ['default', 'default'], types: ['test', 'test'] })
      assert.equal(only(claimed).id, id)
    })

    it('finds a task behind thousands of a type that nobody handles', async (bed) => {
      await bed.enqueue([Array.from({ length: 3000 }, () => bed.newTask({ type: 'unhandled', priority: 9 }))])
      const id = await bed.submit()
      assert.equal((await bed.claimOne({ types: ['test'] })).id, id)
    })

    it('hands a released task out again', async (bed) => {
      const id = await bed.submit()
      await bed.settle(await bed.claimOne(), released)
      assert.equal((await bed.claimOne()).id, id)
    })
  })
}

const ONE_MEBIBYTE = `"${'x'.repeat(2 ** 20 - 2)}"` as JsonText

function bytesOf(tasks: readonly LeasedTask[]): number {
  return tasks.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
}
