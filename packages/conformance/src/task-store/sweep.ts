import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { SWEEP, succeeded } from '../test-bed.ts'

/** What a sweep does in one call, and when it asks to be called again. */
export function describeSweep({ describe, it }: Suite): void {
  describe('sweep', () => {
    it('does nothing to a store without anything due, and foresees nothing', async (bed) => {
      await bed.submit()
      assert.deepEqual(await bed.sweep(), { ended: [], promoted: 0, removed: 0, nextAt: null })
      assert.equal((await bed.listAll()).length, 1)
    })

    it('asks to be called when a task falls due', async (bed) => {
      await bed.submit({ delayMs: 5_000 })
      await bed.submit({ delayMs: 3_000 })
      assert.equal((await bed.sweep()).nextAt, bed.clock.now() + 3_000)
    })

    it('asks to be called when a lease ends', async (bed) => {
      await bed.start({}, { leaseMs: 4_000 })
      assert.equal((await bed.sweep()).nextAt, bed.clock.now() + 4_000)
    })

    it('asks to be called when a deadline passes', async (bed) => {
      await bed.start({ timeoutSeconds: 2 }, { leaseMs: 4_000 })
      assert.equal((await bed.sweep()).nextAt, bed.clock.now() + 2_000)
    })

    it('asks to be called when the grace of a cancel is over', async (bed) => {
      const task = await bed.start({}, { leaseMs: 60_000 })
      await bed.cancel(task.id)
      assert.equal((await bed.sweep()).nextAt, bed.clock.now() + SWEEP.cancelGraceMs)
    })

    it('leaves what is over its limit to the next call, and asks for it at once', async (bed) => {
      for (let task = 0; task < 5; task++) await bed.start({}, { leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      const first = await bed.sweep({ limit: 3 })
      assert.equal(first.ended.length, 3)
      assert.ok(first.nextAt !== null && first.nextAt <= bed.clock.now(), `nextAt ${first.nextAt}`)
      assert.equal((await bed.sweep({ limit: 3 })).ended.length, 2)
      assert.equal((await bed.sweep({ limit: 3 })).ended.length, 0)
    })

    it('makes due tasks claimable however many there are', async (bed) => {
      const tasks = Array.from({ length: 25 }, () => bed.newTask({ delayMs: 1_000 }))
      await bed.enqueue([tasks])
      await bed.clock.advance(1_000)
      for (let call = 0; call < 3; call++) await bed.sweep({ limit: 10 })
      assert.equal((await bed.claim({ limit: 100 })).length, 25)
    })

    it('forgets what has ended in the meantime', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 5 }, { leaseMs: 4_000 })
      await bed.settle(task, succeeded())
      const cancelled = await bed.submit({ delayMs: 1_000 })
      await bed.cancel(cancelled)
      await bed.clock.advance(10_000)
      const report = await bed.sweep()
      assert.deepEqual(report, { ended: [], promoted: 0, removed: 0, nextAt: null })
    })
  })
}
