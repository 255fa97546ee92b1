import assert from 'node:assert/strict'
import type { JsonText, Retention } from '@taskyard/core'
import { cancelled, failed, idsOf, type Outcome, type Scene, SWEEP, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const DAY = 86_400_000

export function describeRetention({ describe, it, itWithoutFaults }: Suite): void {
  describe('retention', () => {
    it('removes succeeded tasks after 7 days', async (scene) => {
      const task = await ended(scene, succeeded())
      await scene.clock.advance(7 * DAY - 1_000)
      await scene.sweep()
      assert.equal((await scene.find(task)).status, 'succeeded')
      await scene.clock.advance(2_000)
      await scene.sweep()
      await isGone(scene, task)
    })

    it('removes failed tasks after 30 days', async (scene) => {
      const task = await ended(scene, failed({ retryable: false }))
      await scene.clock.advance(30 * DAY - 1_000)
      await scene.sweep()
      assert.equal((await scene.find(task)).status, 'failed')
      await scene.clock.advance(2_000)
      await scene.sweep()
      await isGone(scene, task)
    })

    it('removes cancelled tasks in time too', async (scene) => {
      const task = await ended(scene, cancelled)
      await scene.clock.advance(30 * DAY + 1_000)
      await scene.sweep()
      await isGone(scene, task)
    })

    itWithoutFaults('tells how many it removed, at most its limit in one call', async (scene) => {
      for (let task = 0; task < 5; task++) await ended(scene, succeeded())
      await scene.clock.advance(8 * DAY)
      assert.equal((await scene.sweep({ limit: 3 })).removed, 3)
      assert.equal((await scene.sweep({ limit: 3 })).removed, 2)
      assert.equal((await scene.sweep({ limit: 3 })).removed, 0)
    })

    it('removes what ends after everything that had ended was removed', async (scene) => {
      for (let task = 0; task < 5; task++) await ended(scene, succeeded())
      await scene.clock.advance(8 * DAY)
      await sweepAll(scene, SWEEP.retention)
      const later = [await ended(scene, succeeded()), await ended(scene, cancelled), await ended(scene, succeeded())]
      await scene.clock.advance(8 * DAY)
      await sweepAll(scene, SWEEP.retention)
      for (const task of later) await isGone(scene, task)
      assert.equal((await scene.counts('kept')).counts.succeeded, 0)
    })

    it('removes what ends after a kept failure, and the failure in its own time', async (scene) => {
      await ended(scene, succeeded())
      const failure = await ended(scene, failed({ retryable: false }))
      await scene.clock.advance(8 * DAY)
      await sweepAll(scene, SWEEP.retention)
      await ended(scene, succeeded())
      await scene.clock.advance(8 * DAY)
      await sweepAll(scene, SWEEP.retention)
      assert.deepEqual(idsOf(await scene.listAll()), [failure])
      await scene.clock.advance(15 * DAY)
      await sweepAll(scene, SWEEP.retention)
      await isGone(scene, failure)
    })

    it('removes what ends after the last finished task was retried', async (scene) => {
      await ended(scene, succeeded())
      const retried = await ended(scene, cancelled)
      await scene.clock.advance(7 * DAY - 1_000)
      await scene.retry(retried)
      await scene.clock.advance(2_000)
      await sweepAll(scene, SWEEP.retention)
      await scene.settle(await scene.claimOne({ queues: ['kept'] }), succeeded())
      await ended(scene, succeeded())
      await scene.clock.advance(8 * DAY)
      await sweepAll(scene, SWEEP.retention)
      assert.deepEqual(await scene.listAll(), [])
    })

    it('never removes tasks that have not ended', async (scene) => {
      const running = await scene.start({}, { leaseMs: 3_000 * DAY })
      const waiting = await scene.submit()
      const scheduled = await scene.submit({ delayMs: 300 * DAY })
      await scene.clock.advance(200 * DAY)
      await sweepAll(scene, { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 0 })
      for (const id of [running.id, waiting, scheduled]) await scene.find(id)
    })

    it('removes the longest finished tasks when they take more than their bytes', async (scene) => {
      const tasks: string[] = []
      for (let task = 0; task < 10; task++) {
        tasks.push(await ended(scene, succeeded(), `"${'x'.repeat(9_998)}"` as JsonText))
        await scene.clock.advance(1)
      }
      await sweepAll(scene, { ...SWEEP.retention, finishedBytes: 55_000 })
      const kept = idsOf(await scene.listAll())
      assert.ok(kept.length >= 2 && kept.length <= 5, `${kept.length} of 10 tasks of 10 kB fit into 55 kB`)
      assert.deepEqual([...kept].reverse(), tasks.slice(-kept.length))
    })

    it('counts results among the bytes', async (scene) => {
      for (let task = 0; task < 4; task++) await ended(scene, succeeded(`"${'x'.repeat(9_998)}"` as JsonText))
      await sweepAll(scene, { ...SWEEP.retention, finishedBytes: 25_000 })
      assert.ok((await scene.listAll()).length <= 2)
    })

    it('counts bytes, not characters', async (scene) => {
      for (let task = 0; task < 4; task++) await ended(scene, succeeded(), `"${'€'.repeat(3_333)}"` as JsonText)
      await sweepAll(scene, { ...SWEEP.retention, finishedBytes: 25_000 })
      assert.ok((await scene.listAll()).length <= 2)
    })

    it('counts and lists what is left after a removal', async (scene) => {
      const removed = await ended(scene, succeeded(), undefined, ['tagged'])
      await scene.clock.advance(8 * DAY)
      const kept = await ended(scene, succeeded(), undefined, ['tagged'])
      await scene.sweep()
      assert.deepEqual(idsOf(await scene.listAll({ tag: 'tagged' })), [kept])
      assert.equal((await scene.counts('kept')).counts.succeeded, 1)
      assert.deepEqual(await scene.cancel(removed), { kind: 'not-found' })
      assert.deepEqual(await scene.retry(removed), { kind: 'not-found' })
    })

    it('keeps a task that was retried before its time was over', async (scene) => {
      const task = await ended(scene, failed({ retryable: false }))
      await scene.retry(task)
      await scene.clock.advance(31 * DAY)
      await scene.sweep()
      assert.equal((await scene.find(task)).status, 'queued')
    })
  })
}

async function ended(scene: Scene, outcome: Outcome, payload?: JsonText, tags?: readonly string[]): Promise<string> {
  const task = await scene.start({
    queue: 'kept',
    ...(payload === undefined ? {} : { payload }),
    ...(tags === undefined ? {} : { tags }),
  })
  await scene.settle(task, outcome)
  return task.id
}

async function sweepAll(scene: Scene, retention: Retention): Promise<void> {
  let removed = 0
  do {
    removed = (await scene.sweep({ retention })).removed
  } while (removed > 0)
}

async function isGone(scene: Scene, taskId: string): Promise<void> {
  assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: [taskId] }), [null])
  assert.equal(await scene.store.reads.history({ namespace: 'default', taskId, after: 0, limit: 10 }), null)
  assert.deepEqual(await scene.listAll(), [])
}
