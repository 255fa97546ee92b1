import assert from 'node:assert/strict'
import type { Backoff } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { leaseRef, succeeded } from '../test-bed.ts'

/** The longest time of an attempt. */
export function describeTimeouts({ describe, it }: Suite): void {
  describe('timeouts', () => {
    it('ends an attempt that takes too long, however often its lease is extended', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 60 })
      await bed.clock.advance(59_999)
      assert.equal(await bed.extend(task, 3_600_000), 'ok')
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      const { ended } = await bed.sweep()
      assert.deepEqual(ended, [
        {
          ...leaseRef(task),
          reason: 'timeout',
          namespace: 'default',
          queue: task.queue,
          type: 'test',
          workerId: 'worker-1',
          taskStatus: 'scheduled',
        },
      ])
      assert.equal(await bed.extend(task), 'lost')
      assert.equal((await bed.settle(task, succeeded())).status, 'lost')
    })

    it('counts as a retryable failure, with backoff and no crash', async (bed) => {
      const backoff: Backoff = { kind: 'exponential', baseSeconds: 8, factor: 2, maxSeconds: 3600 }
      const task = await bed.start({ timeoutSeconds: 1, backoff }, { leaseMs: 60_000 })
      await bed.clock.advance(1_000)
      await bed.sweep({ jitter: 0.75 })
      const { status, runAt, crashes, attempt } = await bed.find(task.id)
      assert.deepEqual({ status, crashes, attempt }, { status: 'scheduled', crashes: 0, attempt: 1 })
      const waitMs = runAt - bed.clock.now()
      assert.ok(waitMs > 0 && waitMs <= 8_000, `waits ${waitMs} ms; full jitter allows up to 8 s`)
      await bed.clock.advance(waitMs)
      assert.equal((await bed.claimOne({ queues: [task.queue] })).attempt, 2)
    })

    it('fails a task with code timeout when its attempts are used up', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 0.5, maxAttempts: 1 }, { leaseMs: 60_000 })
      await bed.clock.advance(500)
      assert.equal((await bed.sweep()).ended[0]?.taskStatus, 'failed')
      const { status, error } = await bed.find(task.id)
      assert.deepEqual({ status, code: error?.code }, { status: 'failed', code: 'timeout' })
      assert.equal(error?.message, "The attempt ran longer than the task's timeoutSeconds, 0.5 s")
    })

    it('gives every attempt its full time', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 10 }, { leaseMs: 60_000 })
      await bed.clock.advance(9_000)
      await bed.settle(task, { outcome: 'released' })
      await bed.claimOne({ queues: [task.queue], leaseMs: 60_000 })
      await bed.clock.advance(9_000)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1_000)
      assert.equal((await bed.sweep()).ended[0]?.reason, 'timeout')
    })

    it('never ends a task without one', async (bed) => {
      const task = await bed.start({ timeoutSeconds: null })
      await bed.extend(task, 8 * 86_400_000)
      await bed.clock.advance(7 * 86_400_000)
      assert.deepEqual((await bed.sweep()).ended, [])
    })
  })
}
