import assert from 'node:assert/strict'
import { type JsonText, type LeasedTask, LIMITS } from '@taskyard/core'
import { idsOf, only, released } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeClaimOrder({ describe, it }: Suite): void {
  describe('claim order', () => {
    it('hands out a task with everything a worker needs', async (scene) => {
      const id = await scene.submit()
      await scene.clock.advance(5)
      const task = await scene.claimOne({ leaseMs: 20_000 })
      const now = scene.clock.now()
      assert.equal(task.id, id)
      assert.equal(task.status, 'running')
      assert.equal(task.attempt, 1)
      assert.equal(task.workerId, 'worker-1')
      assert.equal(task.startedAt, now)
      assert.equal(task.lease.expiresAt, now + 20_000)
      assert.ok(task.lease.token >= 1)
      const { lease, ...rest } = task
      assert.deepEqual(await scene.find(id), rest)
    })

    it('goes first come, first served', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit({ type: 'other' })]
      await scene.clock.advance(1)
      ids.push(await scene.submit())
      assert.deepEqual(idsOf(await scene.claim()), ids)
    })

    it('keeps the order of a batch', async (scene) => {
      const tasks = Array.from({ length: 50 }, () => scene.newTask())
      await scene.enqueue([tasks])
      assert.deepEqual(idsOf(await scene.claim({ limit: 50 })), idsOf(tasks))
    })

    it('takes higher priority first, whatever the queue and type', async (scene) => {
      const low = await scene.submit({ priority: -1000 })
      const normal = await scene.submit()
      const high = await scene.submit({ priority: 1000, queue: 'b' })
      const higher = await scene.submit({ priority: 7, type: 'other' })
      const claimed = [
        ...(await scene.claim({ queues: ['default', 'b'], limit: 2 })),
        ...(await scene.claim({ queues: ['default', 'b'], limit: 2 })),
      ]
      assert.deepEqual(idsOf(claimed), [high, higher, normal, low])
    })

    it('ranks equal priorities over several queues and types by readiness', async (scene) => {
      const ids: string[] = []
      for (let task = 0; task < 6; task++) {
        ids.push(await scene.submit({ queue: task % 2 === 0 ? 'a' : 'b', type: `type-${task % 3}` }))
        await scene.clock.advance(1)
      }
      assert.deepEqual(idsOf(await scene.claim({ queues: ['b', 'a'] })), ids)
    })

    it('ranks a delayed task by when it became ready', async (scene) => {
      const delayed = await scene.submit({ delayMs: 100 })
      await scene.clock.advance(50)
      const early = await scene.submit()
      await scene.clock.advance(100)
      const late = await scene.submit()
      await scene.sweep()
      assert.deepEqual(idsOf(await scene.claim()), [early, delayed, late])
    })

    it('keeps the order of delayed tasks of several types that become ready in the same moment', async (scene) => {
      const tasks = Array.from({ length: 8 }, (_, n) => scene.newTask({ type: `type-${(n * 3) % 8}`, delayMs: 100 }))
      await scene.enqueue([tasks])
      await scene.clock.advance(100)
      await scene.sweep()
      assert.deepEqual(idsOf(await scene.claim({ limit: 5 })), idsOf(tasks.slice(0, 5)))
      assert.deepEqual(idsOf(await scene.claim()), idsOf(tasks.slice(5)))
    })

    it('never hands out a task before its time', async (scene) => {
      await scene.submit({ delayMs: 1000 })
      await scene.clock.advance(999)
      await scene.sweep()
      assert.deepEqual(await scene.claim(), [])
    })

    it('hands out a due task at once, without a sweep', async (scene) => {
      const id = await scene.submit({ delayMs: 1000 })
      await scene.clock.advance(1000)
      assert.equal((await scene.claimOne()).id, id)
    })

    it('respects the limit', async (scene) => {
      for (let task = 0; task < 5; task++) await scene.submit()
      assert.equal((await scene.claim({ limit: 3 })).length, 3)
      assert.equal((await scene.claim({ limit: 3 })).length, 2)
      assert.equal((await scene.claim({ limit: 3 })).length, 0)
    })

    it('ends an answer with the task that fills it', async (scene) => {
      const small = Array.from({ length: 30 }, () => scene.newTask())
      const large = Array.from({ length: 12 }, () => scene.newTask({ payload: ONE_MEBIBYTE }))
      await scene.enqueue([small])
      for (let from = 0; from < large.length; from += 6) await scene.enqueue([large.slice(from, from + 6)])
      const first = await scene.claim({ limit: 1000 })
      assert.ok(bytesOf(first.slice(0, -1)) < LIMITS.claimBytes, `${bytesOf(first)} bytes in one answer`)
      const second = await scene.claim({ limit: 1000 })
      assert.deepEqual([...idsOf(first), ...idsOf(second)], [...idsOf(small), ...idsOf(large)])
      assert.deepEqual(await scene.claim(), [])
    })

    it('takes only the queues and types asked for', async (scene) => {
      await scene.submit({ queue: 'other' })
      await scene.submit({ type: 'other' })
      const wanted = await scene.submit({ type: 'wanted' })
      const alsoWanted = await scene.submit({ type: 'also-wanted' })
      assert.deepEqual(idsOf(await scene.claim({ types: ['wanted', 'also-wanted', 'unknown'] })), [wanted, alsoWanted])
      assert.deepEqual(await scene.claim({ queues: ['unknown'] }), [])
      assert.deepEqual(await scene.claim({ types: [] }), [])
    })

    it('takes a queue or type that is named twice once', async (scene) => {
      const id = await scene.submit()
      const claimed = await scene.claim({ queues: ['default', 'default'], types: ['test', 'test'] })
      assert.equal(only(claimed).id, id)
    })

    it('finds a task behind thousands of a type that nobody handles', async (scene) => {
      await scene.enqueue([Array.from({ length: 3000 }, () => scene.newTask({ type: 'unhandled', priority: 9 }))])
      const id = await scene.submit()
      assert.equal((await scene.claimOne({ types: ['test'] })).id, id)
    })

    it('hands a released task out again', async (scene) => {
      const id = await scene.submit()
      await scene.settle(await scene.claimOne(), released)
      assert.equal((await scene.claimOne()).id, id)
    })
  })
}

const ONE_MEBIBYTE = `"${'x'.repeat(2 ** 20 - 2)}"` as JsonText

function bytesOf(tasks: readonly LeasedTask[]): number {
  return tasks.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
}
