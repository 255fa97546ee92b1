import assert from 'node:assert/strict'
import type { JsonText, Retention } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { cancelled, failed, idsOf, type Outcome, SWEEP, succeeded, type TestBed } from '../test-bed.ts'

const DAY = 86_400_000

/** Which finished tasks a sweep removes, by age and by bytes. */
export function describeRetention({ describe, it, itWithoutFaults }: Suite): void {
  describe('retention', () => {
    it('removes succeeded tasks after 7 days', async (bed) => {
      const task = await ended(bed, succeeded())
      await bed.clock.advance(7 * DAY - 1_000)
      await bed.sweep()
      assert.equal((await bed.find(task)).status, 'succeeded')
      await bed.clock.advance(2_000)
      await bed.sweep()
      await isGone(bed, task)
    })

    it('removes failed tasks after 30 days', async (bed) => {
      const task = await ended(bed, failed({ retryable: false }))
      await bed.clock.advance(30 * DAY - 1_000)
      await bed.sweep()
      assert.equal((await bed.find(task)).status, 'failed')
      await bed.clock.advance(2_000)
      await bed.sweep()
      await isGone(bed, task)
    })

    it('removes cancelled tasks in time too', async (bed) => {
      const task = await ended(bed, cancelled)
      await bed.clock.advance(30 * DAY + 1_000)
      await bed.sweep()
      await isGone(bed, task)
    })

    itWithoutFaults('tells how many it removed, at most its limit in one call', async (bed) => {
      for (let task = 0; task < 5; task++) await ended(bed, succeeded())
      await bed.clock.advance(8 * DAY)
      assert.equal((await bed.sweep({ limit: 3 })).removed, 3)
      assert.equal((await bed.sweep({ limit: 3 })).removed, 2)
      assert.equal((await bed.sweep({ limit: 3 })).removed, 0)
    })

    it('removes what ends after everything that had ended was removed', async (bed) => {
      for (let task = 0; task < 5; task++) await ended(bed, succeeded())
      await bed.clock.advance(8 * DAY)
      await sweepAll(bed, SWEEP.retention)
      const later = [await ended(bed, succeeded()), await ended(bed, cancelled), await ended(bed, succeeded())]
      await bed.clock.advance(8 * DAY)
      await sweepAll(bed, SWEEP.retention)
      for (const task of later) await isGone(bed, task)
      assert.equal((await bed.counts('kept')).counts.succeeded, 0)
    })

    it('removes what ends after a kept failure, and the failure in its own time', async (bed) => {
      await ended(bed, succeeded())
      const failure = await ended(bed, failed({ retryable: false }))
      await bed.clock.advance(8 * DAY)
      await sweepAll(bed, SWEEP.retention)
      await ended(bed, succeeded())
      await bed.clock.advance(8 * DAY)
      await sweepAll(bed, SWEEP.retention)
      assert.deepEqual(idsOf(await bed.listAll()), [failure])
      await bed.clock.advance(15 * DAY)
      await sweepAll(bed, SWEEP.retention)
      await isGone(bed, failure)
    })

    it('removes what ends after the last finished task was retried', async (bed) => {
      await ended(bed, succeeded())
      const retried = await ended(bed, cancelled)
      await bed.clock.advance(7 * DAY - 1_000)
      await bed.retry(retried)
      await bed.clock.advance(2_000)
      await sweepAll(bed, SWEEP.retention)
      await bed.settle(await bed.claimOne({ queues: ['kept'] }), succeeded())
      await ended(bed, succeeded())
      await bed.clock.advance(8 * DAY)
      await sweepAll(bed, SWEEP.retention)
      assert.deepEqual(await bed.listAll(), [])
    })

    it('never removes tasks that have not ended', async (bed) => {
      const running = await bed.start({}, { leaseMs: 3_000 * DAY })
      const waiting = await bed.submit()
      const scheduled = await bed.submit({ delayMs: 300 * DAY })
      await bed.clock.advance(200 * DAY)
      await sweepAll(bed, { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 0 })
      for (const id of [running.id, waiting, scheduled]) await bed.find(id)
    })

    it('removes the longest finished tasks when they take more than their bytes', async (bed) => {
      const tasks: string[] = []
      for (let task = 0; task < 10; task++) {
        tasks.push(await ended(bed, succeeded(), `"${'x'.repeat(9_998)}"` as JsonText))
        await bed.clock.advance(1)
      }
      await sweepAll(bed, { ...SWEEP.retention, finishedBytes: 55_000 })
      const kept = idsOf(await bed.listAll())
      assert.ok(kept.length >= 2 && kept.length <= 5, `${kept.length} of 10 tasks of 10 kB fit into 55 kB`)
      assert.deepEqual([...kept].reverse(), tasks.slice(-kept.length))
    })

    it('counts results among the bytes', async (bed) => {
      for (let task = 0; task < 4; task++) await ended(bed, succeeded(`"${'x'.repeat(9_998)}"` as JsonText))
      await sweepAll(bed, { ...SWEEP.retention, finishedBytes: 25_000 })
      assert.ok((await bed.listAll()).length <= 2)
    })

    it('counts bytes, not characters', async (bed) => {
      for (let task = 0; task < 4; task++) await ended(bed, succeeded(), `"${'€'.repeat(3_333)}"` as JsonText)
      await sweepAll(bed, { ...SWEEP.retention, finishedBytes: 25_000 })
      assert.ok((await bed.listAll()).length <= 2)
    })

    it('counts and lists what is left after a removal', async (bed) => {
      const removed = await ended(bed, succeeded(), undefined, ['tagged'])
      await bed.clock.advance(8 * DAY)
      const kept = await ended(bed, succeeded(), undefined, ['tagged'])
      await bed.sweep()
      assert.deepEqual(idsOf(await bed.listAll({ tag: 'tagged' })), [kept])
      assert.equal((await bed.counts('kept')).counts.succeeded, 1)
      assert.deepEqual(await bed.cancel(removed), { kind: 'not-found' })
      assert.deepEqual(await bed.retry(removed), { kind: 'not-found' })
    })

    it('keeps a task that was retried before its time was over', async (bed) => {
      const task = await ended(bed, failed({ retryable: false }))
      await bed.retry(task)
      await bed.clock.advance(31 * DAY)
      await bed.sweep()
      assert.equal((await bed.find(task)).status, 'queued')
    })
  })
}

async function ended(bed: TestBed, outcome: Outcome, payload?: JsonText, tags?: readonly string[]): Promise<string> {
  const task = await bed.start({
    queue: 'kept',
    ...(payload === undefined ? {} : { payload }),
    ...(tags === undefined ? {} : { tags }),
  })
  await bed.settle(task, outcome)
  return task.id
}

async function sweepAll(bed: TestBed, retention: Retention): Promise<void> {
  let removed = 0
  do {
    removed = (await bed.sweep({ retention })).removed
  } while (removed > 0)
}

async function isGone(bed: TestBed, taskId: string): Promise<void> {
  assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [taskId] }), [null])
  assert.equal(await bed.store.reads.history({ namespace: 'default', taskId, after: 0, limit: 10 }), null)
  assert.deepEqual(await bed.listAll(), [])
}
