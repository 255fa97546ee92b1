import assert from 'node:assert/strict'
import { succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const PAUSE = { namespace: 'default', queue: 'default', paused: true }
const RESUME = { ...PAUSE, paused: false }

export function describePause({ describe, it }: Suite): void {
  describe('pause and resume', () => {
    it('accepts tasks of a paused queue and lets none be claimed', async (scene) => {
      await scene.submit()
      await scene.store.queues.pause(PAUSE)
      const id = await scene.submit()
      assert.deepEqual(await scene.claim(), [])
      assert.equal((await scene.find(id)).status, 'queued')
      const { paused, counts } = await scene.counts()
      assert.equal(paused, true)
      assert.equal(counts.queued, 2)
    })

    it('hands out everything again after resume', async (scene) => {
      await scene.store.queues.pause(PAUSE)
      await scene.submit()
      await scene.store.queues.pause(RESUME)
      await scene.claimOne()
      assert.equal((await scene.counts()).paused, false)
    })

    it('may be repeated', async (scene) => {
      await scene.submit()
      await scene.store.queues.pause(PAUSE)
      await scene.store.queues.pause(PAUSE)
      await scene.store.queues.pause(RESUME)
      await scene.store.queues.pause(RESUME)
      await scene.claimOne()
    })

    it('leaves other queues and namespaces alone', async (scene) => {
      await scene.store.queues.pause(PAUSE)
      await scene.submit({ queue: 'other' })
      await scene.submit({ namespace: 'other' })
      await scene.claimOne({ queues: ['default', 'other'] })
      await scene.claimOne({ namespace: 'other' })
    })

    it('lets running tasks go on and end', async (scene) => {
      await scene.submit()
      const task = await scene.claimOne()
      await scene.store.queues.pause(PAUSE)
      assert.equal(await scene.extend(task), 'ok')
      assert.equal((await scene.settle(task, succeeded())).status, 'ok')
    })

    it('holds back a task that falls due', async (scene) => {
      await scene.submit({ delayMs: 1000 })
      await scene.store.queues.pause(PAUSE)
      await scene.clock.advance(1000)
      await scene.sweep()
      assert.deepEqual(await scene.claim(), [])
    })

    it('pauses a queue before its first task', async (scene) => {
      await scene.store.queues.pause({ ...PAUSE, queue: 'later' })
      await scene.submit({ queue: 'later' })
      assert.deepEqual(await scene.claim({ queues: ['later'] }), [])
    })
  })
}
