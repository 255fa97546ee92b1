import assert from 'node:assert/strict'
import { fromJsonText, type JsonText, type LeasedTask, LIMITS, type RecordParams } from '@taskyard/core'
import { CLAIM, failed, leaseRef, released, type Scene, succeeded, WATCHED, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeRecord({ describe, it }: Suite): void {
  describe('progress and log', () => {
    it('shows the newest progress of a task and keeps the earlier ones in its history', async (scene) => {
      const task = await scene.start()
      assert.equal(await scene.record(task, { progress: { percent: 10 } }), 'ok')
      await scene.record(task, { progress: { percent: 90 } })
      assert.equal((await scene.find(task.id)).progress, '{"percent":90}')
      assert.deepEqual(await recordsOf(scene, task.id, 'progress'), [{ percent: 10 }, { percent: 90 }])
    })

    it('keeps log lines in order', async (scene) => {
      const task = await scene.start()
      await scene.record(task, { log: 'one' })
      await scene.record(task, { log: 'two\nlines "quoted" \u0000 é' })
      assert.deepEqual(await recordsOf(scene, task.id, 'log'), [
        { line: 'one' },
        { line: 'two\nlines "quoted" \u0000 é' },
      ])
      assert.equal((await scene.find(task.id)).progress, null)
    })

    it('takes entries of several tasks in one call and answers for each', async (scene) => {
      const [one, lost, other] = [await scene.start(), await scene.start(), await scene.start()]
      await scene.settle(lost, released)
      const entries = [one, lost, other, one].map((task, n) => ({
        ...leaseRef(task),
        progress: null,
        log: `line ${n}`,
      }))
      assert.deepEqual(await scene.store.tasks.record({ namespace: 'default', entries }), ['ok', 'lost', 'ok', 'ok'])
      assert.deepEqual(await recordsOf(scene, one.id, 'log'), [{ line: 'line 0' }, { line: 'line 3' }])
      assert.deepEqual(await recordsOf(scene, other.id, 'log'), [{ line: 'line 2' }])
    })

    it('keeps the last progress of a finished task', async (scene) => {
      const task = await scene.start()
      await scene.record(task, { progress: 'nearly' })
      await scene.settle(task, succeeded())
      assert.equal((await scene.find(task.id)).progress, '"nearly"')
    })

    it('shows no progress of a task that waits for another attempt', async (scene) => {
      const ends: Readonly<Record<string, (task: LeasedTask) => Promise<unknown>>> = {
        'failed, to be tried at once': (task) => scene.settle(task, failed({ retryDelayMs: 0 })),
        'failed, to be tried later': (task) => scene.settle(task, failed({ retryDelayMs: 60_000 })),
        'failed for good and retried by hand': async (task) => {
          await scene.settle(task, failed({ retryable: false }))
          await scene.retry(task.id)
        },
        released: (task) => scene.settle(task, released),
        'of a dead worker': () => scene.store.presence.endLeases({ workers: workersOf(WATCHED.workerId) }),
        expired: async () => {
          await scene.clock.advance(CLAIM.leaseMs)
          await scene.sweep()
        },
      }
      for (const [how, end] of Object.entries(ends)) {
        const task = await scene.start({}, { worker: WATCHED })
        await scene.record(task, { progress: 'half' })
        await end(task)
        const { status, progress } = await scene.find(task.id)
        assert.deepEqual([progress, status === 'queued' || status === 'scheduled'], [null, true], how)
      }
    })

    it('refuses entries of a settled lease', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, succeeded())
      assert.equal(await scene.record(task, { log: 'late' }), 'lost')
      assert.deepEqual(await recordsOf(scene, task.id, 'log'), [])
    })

    it('drops what is over the bound of an attempt, and the next attempt has its own', async (scene) => {
      const task = await scene.start()
      const entry = { ...leaseRef(task), progress: null, log: 'line' }
      const fill = (count: number): RecordParams => ({
        namespace: 'default',
        entries: Array.from({ length: count }, () => entry),
      })
      await scene.store.tasks.record(fill(LIMITS.recordsPerAttempt - 1))
      const statuses = await scene.store.tasks.record(fill(3))
      assert.deepEqual(statuses, ['ok', 'ok', 'ok'])
      assert.equal(await scene.record(task, { log: 'dropped' }), 'ok')
      assert.equal((await recordsOf(scene, task.id, 'log')).length, LIMITS.recordsPerAttempt)
      await scene.settle(task, released)
      await scene.record(await scene.claimOne({ queues: [task.queue] }), { log: 'again' })
      assert.deepEqual((await recordsOf(scene, task.id, 'log')).at(-1), { line: 'again' })
    })

    it('shows the newest progress also beyond the bound of an attempt, in whose history it is dropped', async (scene) => {
      const task = await scene.start()
      const entries = Array.from({ length: LIMITS.recordsPerAttempt + 500 }, (_, n) => ({
        ...leaseRef(task),
        progress: `${n}` as JsonText,
        log: null,
      }))
      await scene.store.tasks.record({ namespace: 'default', entries })
      assert.equal((await scene.find(task.id)).progress, `${entries.length - 1}`)
      await scene.record(task, { progress: 'newest', log: 'dropped' })
      assert.equal((await scene.find(task.id)).progress, '"newest"')
      assert.equal((await recordsOf(scene, task.id, 'progress')).length, LIMITS.recordsPerAttempt)
      await scene.settle(task, succeeded())
      assert.equal((await scene.find(task.id)).progress, '"newest"')
    })

    it('takes progress of the greatest size', async (scene) => {
      const task = await scene.start()
      const progress = `"${'é'.repeat((LIMITS.progressBytes - 2) / 2)}"` as JsonText
      await scene.store.tasks.record({ namespace: 'default', entries: [{ ...leaseRef(task), progress, log: null }] })
      assert.equal((await scene.find(task.id)).progress, progress)
    })
  })
}

async function recordsOf(scene: Scene, taskId: string, wanted: 'progress' | 'log'): Promise<readonly unknown[]> {
  const events = await scene.events(taskId)
  return events.filter(({ kind }) => kind === wanted).map(({ data }) => data && fromJsonText(data))
}
