import assert from 'node:assert/strict'
import { POISON_CRASHES } from '@taskyard/core'
import { failed, type Scene } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeCrashes({ describe, it }: Suite): void {
  describe('crashes and quarantine', () => {
    it('quarantines a task whose workers died three times', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) {
        await crashOnce(scene)
        const { status, crashes } = await scene.find(id)
        assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
      }
      const { ended } = await crashOnce(scene)
      assert.equal(ended[0]?.taskStatus, 'failed')
      const { status, error, crashes, finishedAt } = await scene.find(id)
      assert.deepEqual(
        { status, code: error?.code, crashes, finishedAt },
        { status: 'failed', code: 'poisoned', crashes: POISON_CRASHES, finishedAt: scene.clock.now() },
      )
      assert.ok((error?.message ?? '') !== '')
      assert.deepEqual(await scene.claim(), [])
    })

    it('keeps counting crashes over ordinary failures in between', async (scene) => {
      const id = await scene.submit()
      await crashOnce(scene)
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      await crashOnce(scene)
      assert.equal((await scene.find(id)).crashes, 2)
      await crashOnce(scene)
      assert.equal((await scene.find(id)).status, 'failed')
    })

    it('does not count a failure as a crash', async (scene) => {
      const id = await scene.submit()
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal((await scene.find(id)).crashes, 0)
    })
  })
}

async function crashOnce(scene: Scene) {
  await scene.claimOne({ leaseMs: 1_000 })
  await scene.clock.advance(1_000)
  return scene.sweep()
}
