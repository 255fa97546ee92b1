import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, idsOf, SESSION_WORKER, succeeded, workersOf } from '../test-bed.ts'

/** Retries by hand of tasks that failed or were cancelled. */
export function describeRetry({ describe, it, itWithoutFaults }: Suite): void {
  describe('retry by hand', () => {
    it('makes a failed task ready again as if it were new', async (bed) => {
      const task = await bed.start({ maxAttempts: 1 })
      await bed.settle(task, failed())
      await bed.clock.advance(1_000)
      assert.deepEqual(await bed.retry(task.id), { kind: 'retried' })
      const { status, attempt, crashes, result, error, finishedAt } = await bed.find(task.id)
      assert.deepEqual(
        { status, attempt, crashes, result, error, finishedAt },
        { status: 'queued', attempt: 0, crashes: 0, result: null, error: null, finishedAt: null },
      )
    })

    it('gives all attempts again, under higher tokens', async (bed) => {
      const task = await bed.start({ maxAttempts: 1 })
      await bed.settle(task, failed())
      await bed.retry(task.id)
      const again = await bed.claimOne({ queues: [task.queue] })
      assert.equal(again.attempt, 1)
      assert.ok(again.lease.token > task.lease.token)
      await bed.settle(again, succeeded('"done"' as JsonText))
      assert.equal((await bed.find(task.id)).status, 'succeeded')
    })

    it('makes a cancelled task ready again', async (bed) => {
      const id = await bed.submit()
      await bed.cancel(id)
      assert.deepEqual(await bed.retry(id), { kind: 'retried' })
      assert.equal((await bed.claimOne()).id, id)
    })

    it('makes a cancelled task ready even when it was scheduled for later', async (bed) => {
      const id = await bed.submit({ delayMs: 3_600_000 })
      await bed.cancel(id)
      await bed.retry(id)
      assert.equal((await bed.find(id)).status, 'queued')
      assert.equal((await bed.claimOne()).id, id)
    })

    it('forgives the crashes of a quarantined task', async (bed) => {
      const id = await bed.submit()
      for (let crash = 0; crash < 3; crash++) {
        await bed.claimOne({ worker: SESSION_WORKER })
        await bed.store.presence.endLeases({ workers: workersOf('worker-1') })
      }
      assert.equal((await bed.find(id)).status, 'failed')
      await bed.retry(id)
      await bed.claimOne({ worker: SESSION_WORKER })
      await bed.store.presence.endLeases({ workers: workersOf('worker-1') })
      const { status, crashes } = await bed.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
    })

    it('tells of a task that has ended when its last attempt was due', async (bed) => {
      const tried = await bed.start()
      const byHand = await bed.start({ maxAttempts: 1 })
      await bed.settle(tried, failed({ retryDelayMs: 5_000 }))
      await bed.settle(byHand, failed())
      const dueAt = bed.clock.now() + 5_000
      await bed.clock.advance(7_000)
      await bed.retry(byHand.id)
      const retriedAt = bed.clock.now()
      await bed.clock.advance(1_000)
      for (const [{ id, queue }, runAt] of [
        [tried, dueAt],
        [byHand, retriedAt],
      ] as const) {
        const again = await bed.claimOne({ queues: [queue] })
        assert.equal(again.runAt, runAt)
        await bed.settle(again, succeeded())
        assert.equal((await bed.find(id)).runAt, runAt)
        assert.equal((await bed.listAll({ queue }))[0]?.runAt, runAt)
      }
    })

    it('keeps the history', async (bed) => {
      const task = await bed.start({ maxAttempts: 1 })
      await bed.settle(task, failed())
      const before = await bed.events(task.id)
      await bed.retry(task.id)
      const after = await bed.events(task.id)
      assert.deepEqual(after.slice(0, before.length), before)
      assert.deepEqual(
        after.slice(before.length).map(({ kind }) => kind),
        ['retried'],
      )
    })

    it('refuses tasks that have not failed and are not cancelled', async (bed) => {
      const done = await bed.start()
      await bed.settle(done, succeeded())
      const running = await bed.start()
      const queued = await bed.submit()
      const scheduled = await bed.submit({ delayMs: 1_000 })
      const taskIds = [done.id, running.id, queued, scheduled, bed.newTask().id]
      assert.deepEqual(await bed.store.tasks.retry({ namespace: 'default', taskIds }), [
        { kind: 'not-retryable', status: 'succeeded' },
        { kind: 'not-retryable', status: 'running' },
        { kind: 'not-retryable', status: 'queued' },
        { kind: 'not-retryable', status: 'scheduled' },
        { kind: 'not-found' },
      ])
      assert.equal(await bed.extend(running), 'ok')
    })

    it('leaves what has ended otherwise than is wanted', async (bed) => {
      const [broken, unwanted] = [await bed.start(), await bed.submit()]
      await bed.settle(broken, failed({ retryable: false }))
      await bed.store.tasks.cancel({ namespace: 'default', taskIds: [unwanted] })
      const these = { namespace: 'default', taskIds: [broken.id, unwanted] }
      assert.deepEqual(await bed.store.tasks.retry({ ...these, taskIds: [unwanted], statuses: ['failed'] }), [
        { kind: 'not-retryable', status: 'cancelled' },
      ])
      await bed.store.tasks.retry({ ...these, statuses: ['cancelled'] })
      assert.equal((await bed.find(broken.id)).status, 'failed')
      assert.equal((await bed.find(unwanted)).status, 'queued')
    })

    itWithoutFaults('redrives many dead letters in one call, in the order given', async (bed) => {
      const tasks = [await bed.start({ queue: 'dead' }, {}), await bed.start({ queue: 'dead' }, {})]
      for (const task of tasks) await bed.settle(task, failed({ retryable: false }))
      const outcomes = await bed.store.tasks.retry({ namespace: 'default', taskIds: idsOf(tasks) })
      assert.deepEqual(outcomes, [{ kind: 'retried' }, { kind: 'retried' }])
      const { counts } = await bed.counts('dead')
      assert.deepEqual([counts.queued, counts.failed], [2, 0])
    })
  })
}
