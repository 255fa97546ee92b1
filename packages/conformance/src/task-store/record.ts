import assert from 'node:assert/strict'
import { fromJsonText, type JsonText, type LeasedTask, LIMITS, type RecordParams } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { CLAIM, failed, leaseRef, released, SESSION_WORKER, succeeded, type TestBed, workersOf } from '../test-bed.ts'

/** Progress and log lines, and their bound for each attempt. */
export function describeRecord({ describe, it }: Suite): void {
  describe('progress and log', () => {
    it('shows the newest progress of a task and keeps the earlier ones in its history', async (bed) => {
      const task = await bed.start()
      assert.equal(await bed.record(task, { progress: { percent: 10 } }), 'ok')
      await bed.record(task, { progress: { percent: 90 } })
      assert.equal((await bed.find(task.id)).progress, '{"percent":90}')
      assert.deepEqual(await recordsOf(bed, task.id, 'progress'), [{ percent: 10 }, { percent: 90 }])
    })

    it('keeps log lines in order', async (bed) => {
      const task = await bed.start()
      await bed.record(task, { log: 'one' })
      await bed.record(task, { log: 'two\nlines "quoted" \u0000 é' })
      assert.deepEqual(await recordsOf(bed, task.id, 'log'), [
        { line: 'one' },
        { line: 'two\nlines "quoted" \u0000 é' },
      ])
      assert.equal((await bed.find(task.id)).progress, null)
    })

    it('takes entries of several tasks in one call and answers for each', async (bed) => {
      const [one, lost, other] = [await bed.start(), await bed.start(), await bed.start()]
      await bed.settle(lost, released)
      const entries = [one, lost, other, one].map((task, n) => ({
        ...leaseRef(task),
        progress: null,
        log: `line ${n}`,
      }))
      assert.deepEqual(await bed.store.tasks.record({ namespace: 'default', entries }), ['ok', 'lost', 'ok', 'ok'])
      assert.deepEqual(await recordsOf(bed, one.id, 'log'), [{ line: 'line 0' }, { line: 'line 3' }])
      assert.deepEqual(await recordsOf(bed, other.id, 'log'), [{ line: 'line 2' }])
    })

    it('keeps the last progress of a finished task', async (bed) => {
      const task = await bed.start()
      await bed.record(task, { progress: 'nearly' })
      await bed.settle(task, succeeded())
      assert.equal((await bed.find(task.id)).progress, '"nearly"')
    })

    it('shows no progress of a task that waits for another attempt', async (bed) => {
      const ends: Readonly<Record<string, (task: LeasedTask) => Promise<unknown>>> = {
        'failed, to be tried at once': (task) => bed.settle(task, failed({ retryDelayMs: 0 })),
        'failed, to be tried later': (task) => bed.settle(task, failed({ retryDelayMs: 60_000 })),
        'failed for good and retried by hand': async (task) => {
          await bed.settle(task, failed({ retryable: false }))
          await bed.retry(task.id)
        },
        released: (task) => bed.settle(task, released),
        'of a dead worker': () => bed.store.presence.endLeases({ workers: workersOf(SESSION_WORKER.workerId) }),
        expired: async () => {
          await bed.clock.advance(CLAIM.leaseMs)
          await bed.sweep()
        },
      }
      for (const [how, end] of Object.entries(ends)) {
        const task = await bed.start({}, { worker: SESSION_WORKER })
        await bed.record(task, { progress: 'half' })
        await end(task)
        const { status, progress } = await bed.find(task.id)
        assert.deepEqual([progress, status === 'queued' || status === 'scheduled'], [null, true], how)
      }
    })

    it('refuses entries of a settled lease', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, succeeded())
      assert.equal(await bed.record(task, { log: 'late' }), 'lost')
      assert.deepEqual(await recordsOf(bed, task.id, 'log'), [])
    })

    it('drops what is over the bound of an attempt, and the next attempt has its own', async (bed) => {
      const task = await bed.start()
      const entry = { ...leaseRef(task), progress: null, log: 'line' }
      const fill = (count: number): RecordParams => ({
        namespace: 'default',
        entries: Array.from({ length: count }, () => entry),
      })
      await bed.store.tasks.record(fill(LIMITS.recordsPerAttempt - 1))
      const statuses = await bed.store.tasks.record(fill(3))
      assert.deepEqual(statuses, ['ok', 'ok', 'ok'])
      assert.equal(await bed.record(task, { log: 'dropped' }), 'ok')
      assert.equal((await recordsOf(bed, task.id, 'log')).length, LIMITS.recordsPerAttempt)
      await bed.settle(task, released)
      await bed.record(await bed.claimOne({ queues: [task.queue] }), { log: 'again' })
      assert.deepEqual((await recordsOf(bed, task.id, 'log')).at(-1), { line: 'again' })
    })

    it('shows the newest progress also beyond the bound of an attempt, in whose history it is dropped', async (bed) => {
      const task = await bed.start()
      const entries = Array.from({ length: LIMITS.recordsPerAttempt + 500 }, (_, n) => ({
        ...leaseRef(task),
        progress: `${n}` as JsonText,
        log: null,
      }))
      await bed.store.tasks.record({ namespace: 'default', entries })
      assert.equal((await bed.find(task.id)).progress, `${entries.length - 1}`)
      await bed.record(task, { progress: 'newest', log: 'dropped' })
      assert.equal((await bed.find(task.id)).progress, '"newest"')
      assert.equal((await recordsOf(bed, task.id, 'progress')).length, LIMITS.recordsPerAttempt)
      await bed.settle(task, succeeded())
      assert.equal((await bed.find(task.id)).progress, '"newest"')
    })

    it('takes progress of the greatest size', async (bed) => {
      const task = await bed.start()
      const progress = `"${'é'.repeat((LIMITS.progressBytes - 2) / 2)}"` as JsonText
      await bed.store.tasks.record({ namespace: 'default', entries: [{ ...leaseRef(task), progress, log: null }] })
      assert.equal((await bed.find(task.id)).progress, progress)
    })
  })
}

async function recordsOf(bed: TestBed, taskId: string, wanted: 'progress' | 'log'): Promise<readonly unknown[]> {
  const events = await bed.events(taskId)
  return events.filter(({ kind }) => kind === wanted).map(({ data }) => data && fromJsonText(data))
}
