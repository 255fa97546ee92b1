import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { succeeded } from '../test-bed.ts'

const PAUSE = { namespace: 'default', queue: 'default', paused: true }
const RESUME = { ...PAUSE, paused: false }

/** Paused and resumed queues. */
export function describePause({ describe, it }: Suite): void {
  describe('pause and resume', () => {
    it('accepts tasks of a paused queue and lets none be claimed', async (bed) => {
      await bed.submit()
      await bed.store.queues.pause(PAUSE)
      const id = await bed.submit()
      assert.deepEqual(await bed.claim(), [])
      assert.equal((await bed.find(id)).status, 'queued')
      const { paused, counts } = await bed.counts()
      assert.equal(paused, true)
      assert.equal(counts.queued, 2)
    })

    it('hands out everything again after resume', async (bed) => {
      await bed.store.queues.pause(PAUSE)
      await bed.submit()
      await bed.store.queues.pause(RESUME)
      await bed.claimOne()
      assert.equal((await bed.counts()).paused, false)
    })

    it('may be repeated', async (bed) => {
      await bed.submit()
      await bed.store.queues.pause(PAUSE)
      await bed.store.queues.pause(PAUSE)
      await bed.store.queues.pause(RESUME)
      await bed.store.queues.pause(RESUME)
      await bed.claimOne()
    })

    it('leaves other queues and namespaces alone', async (bed) => {
      await bed.store.queues.pause(PAUSE)
      await bed.submit({ queue: 'other' })
      await bed.submit({ namespace: 'other' })
      await bed.claimOne({ queues: ['default', 'other'] })
      await bed.claimOne({ namespace: 'other' })
    })

    it('lets running tasks go on and end', async (bed) => {
      await bed.submit()
      const task = await bed.claimOne()
      await bed.store.queues.pause(PAUSE)
      assert.equal(await bed.extend(task), 'ok')
      assert.equal((await bed.settle(task, succeeded())).status, 'ok')
    })

    it('holds back a task that falls due', async (bed) => {
      await bed.submit({ delayMs: 1000 })
      await bed.store.queues.pause(PAUSE)
      await bed.clock.advance(1000)
      await bed.sweep()
      assert.deepEqual(await bed.claim(), [])
    })

    it('pauses a queue before its first task', async (bed) => {
      await bed.store.queues.pause({ ...PAUSE, queue: 'later' })
      await bed.submit({ queue: 'later' })
      assert.deepEqual(await bed.claim({ queues: ['later'] }), [])
    })
  })
}
