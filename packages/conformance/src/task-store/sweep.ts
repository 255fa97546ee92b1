import assert from 'node:assert/strict'
import { SWEEP, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeSweep({ describe, it }: Suite): void {
  describe('sweep', () => {
    it('does nothing to a store without anything due, and foresees nothing', async (scene) => {
      await scene.submit()
      assert.deepEqual(await scene.sweep(), { ended: [], promoted: 0, removed: 0, nextAt: null })
      assert.equal((await scene.listAll()).length, 1)
    })

    it('asks to be called when a task falls due', async (scene) => {
      await scene.submit({ delayMs: 5_000 })
      await scene.submit({ delayMs: 3_000 })
      assert.equal((await scene.sweep()).nextAt, scene.clock.now() + 3_000)
    })

    it('asks to be called when a lease ends', async (scene) => {
      await scene.start({}, { leaseMs: 4_000 })
      assert.equal((await scene.sweep()).nextAt, scene.clock.now() + 4_000)
    })

    it('asks to be called when a deadline passes', async (scene) => {
      await scene.start({ timeoutSeconds: 2 }, { leaseMs: 4_000 })
      assert.equal((await scene.sweep()).nextAt, scene.clock.now() + 2_000)
    })

    it('asks to be called when the grace of a cancel is over', async (scene) => {
      const task = await scene.start({}, { leaseMs: 60_000 })
      await scene.cancel(task.id)
      assert.equal((await scene.sweep()).nextAt, scene.clock.now() + SWEEP.cancelGraceMs)
    })

    it('leaves what is over its limit to the next call, and asks for it at once', async (scene) => {
      for (let task = 0; task < 5; task++) await scene.start({}, { leaseMs: 1_000 })
      await scene.clock.advance(1_000)
      const first = await scene.sweep({ limit: 3 })
      assert.equal(first.ended.length, 3)
      assert.ok(first.nextAt !== null && first.nextAt <= scene.clock.now(), `nextAt ${first.nextAt}`)
      assert.equal((await scene.sweep({ limit: 3 })).ended.length, 2)
      assert.equal((await scene.sweep({ limit: 3 })).ended.length, 0)
    })

    it('makes due tasks claimable however many there are', async (scene) => {
      const tasks = Array.from({ length: 25 }, () => scene.newTask({ delayMs: 1_000 }))
      await scene.enqueue([tasks])
      await scene.clock.advance(1_000)
      for (let call = 0; call < 3; call++) await scene.sweep({ limit: 10 })
      assert.equal((await scene.claim({ limit: 100 })).length, 25)
    })

    it('forgets what has ended in the meantime', async (scene) => {
      const task = await scene.start({ timeoutSeconds: 5 }, { leaseMs: 4_000 })
      await scene.settle(task, succeeded())
      const cancelled = await scene.submit({ delayMs: 1_000 })
      await scene.cancel(cancelled)
      await scene.clock.advance(10_000)
      const report = await scene.sweep()
      assert.deepEqual(report, { ended: [], promoted: 0, removed: 0, nextAt: null })
    })
  })
}
