import assert from 'node:assert/strict'
import { type LeasedTask, type LeaseRef, POISON_CRASHES, poisonedError, type WorkerRef } from '@taskyard/core'
import { failed, leaseRef, released, type Scene, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

const WATCHED: WorkerRef = { workerId: 'watched', nodeId: null, session: true }

export function describeCrashesTakenBack({ describe, it }: Suite): void {
  describe('crashes of which the worker comes back', () => {
    it('count against no task, whatever became of it meanwhile', async (scene) => {
      const id = await scene.submit({ maxAttempts: 10 })
      for (let crash = 1; crash <= POISON_CRASHES + 1; crash++) {
        const lost = await crashWatched(scene)
        // Once while it waits, once while it waits for its time, and then while it runs again.
        const next = crash === 1 ? null : await scene.claimOne()
        if (crash === 2) await scene.settle(next as LeasedTask, failed({ retryDelayMs: 1_000 }))
        await takeBack(scene, lost)
        if (crash === 2) await scene.clock.advance(1_000)
        else if (next !== null) await scene.settle(next, released)
        const { status, crashes } = await scene.find(id)
        assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
      }
    })

    it('are taken back once, and no others with them', async (scene) => {
      const id = await scene.submit()
      const first = await crashWatched(scene)
      await crashWatched(scene)
      await takeBack(scene, first, first)
      await takeBack(scene, first, { ...first, token: first.token + 100 })
      await crashWatched(scene)
      assert.equal((await scene.find(id)).status, 'queued')
      await crashWatched(scene)
      const { status, error } = await scene.find(id)
      const why = poisonedError({ loneCrashes: POISON_CRASHES, attempt: 4 })
      assert.deepEqual({ status, error }, { status: 'failed', error: why })
    })

    it('are taken back of the leases alone that counted', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) await crashWatched(scene)
      const stoodStill = await scene.claimOne({ worker: WATCHED, leaseMs: 1_000 })
      await scene.clock.advance(1_000)
      await scene.sweep()
      const settled = await scene.claimOne()
      await scene.settle(settled, failed({ retryDelayMs: 0 }))
      const held = await scene.claimOne({ worker: WATCHED })
      await takeBack(scene, ...[stoodStill, settled, held].map(leaseRef), { taskId: 'none', token: 1 })
      await scene.store.presence.endLeases({ workers: workersOf('watched') })
      assert.equal((await scene.find(id)).status, 'failed')
    })

    it('are taken back of many tasks at once, by their ids', async (scene) => {
      const ids = [await scene.submit(), await scene.submit()]
      for (let crash = 1; crash < POISON_CRASHES; crash++) {
        const [lost] = await crashEach(scene, ids)
        if (crash === 1) await takeBack(scene, lost as LeaseRef)
      }
      await crashEach(scene, ids)
      const ended = await Promise.all(ids.map((id) => scene.find(id)))
      assert.deepEqual(
        ended.map(({ status }) => status),
        ['queued', 'failed'],
      )
    })

    it('leave a task that was given up as it is, and count for nothing after its retry', async (scene) => {
      const id = await scene.submit()
      const lost: LeaseRef[] = []
      for (let crash = 1; crash <= POISON_CRASHES; crash++) lost.push(await crashWatched(scene))
      await takeBack(scene, ...lost.slice(0, 2))
      assert.equal((await scene.find(id)).status, 'failed')
      await scene.retry(id)
      await takeBack(scene, ...lost)
      for (let crash = 1; crash <= POISON_CRASHES; crash++) await crashWatched(scene)
      assert.equal((await scene.find(id)).status, 'failed')
    })

    it('are taken back of a worker too that nobody watched', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const held = await scene.claimOne({ leaseMs: 1_000 })
        await scene.clock.advance(1_000)
        await scene.sweep()
        await takeBack(scene, leaseRef(held))
      }
      assert.equal((await scene.find(id)).status, 'queued')
    })
  })
}

/** A watched worker that runs nothing else is taken for dead. Its lease, which is over. */
async function crashWatched(scene: Scene): Promise<LeaseRef> {
  const held = await scene.claimOne({ worker: WATCHED })
  await scene.store.presence.endLeases({ workers: workersOf(WATCHED.workerId) })
  return leaseRef(held)
}

/** So are the workers of several tasks; their leases in the order of the tasks. */
async function crashEach(scene: Scene, ids: readonly string[]): Promise<readonly LeaseRef[]> {
  const workers = ids.map((_, n) => ({ ...WATCHED, workerId: `alone-${n}` }))
  const held: LeaseRef[] = []
  for (const worker of workers) {
    const task = await scene.claimOne({ worker })
    held[ids.indexOf(task.id)] = leaseRef(task)
  }
  await scene.store.presence.endLeases({ workers: workersOf(...workers.map(({ workerId }) => workerId)) })
  return held
}

function takeBack(scene: Scene, ...leases: readonly LeaseRef[]): Promise<void> {
  return scene.store.presence.takeBackCrashes({ namespace: 'default', leases })
}
