import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import { failed, idsOf, succeeded, WATCHED, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeRetry({ describe, it, itWithoutFaults }: Suite): void {
  describe('retry by hand', () => {
    it('makes a failed task ready again as if it were new', async (scene) => {
      const task = await scene.start({ maxAttempts: 1 })
      await scene.settle(task, failed())
      await scene.clock.advance(1_000)
      assert.deepEqual(await scene.retry(task.id), { kind: 'retried' })
      const { status, attempt, crashes, result, error, finishedAt } = await scene.find(task.id)
      assert.deepEqual(
        { status, attempt, crashes, result, error, finishedAt },
        { status: 'queued', attempt: 0, crashes: 0, result: null, error: null, finishedAt: null },
      )
    })

    it('gives all attempts again, under higher tokens', async (scene) => {
      const task = await scene.start({ maxAttempts: 1 })
      await scene.settle(task, failed())
      await scene.retry(task.id)
      const again = await scene.claimOne({ queues: [task.queue] })
      assert.equal(again.attempt, 1)
      assert.ok(again.lease.token > task.lease.token)
      await scene.settle(again, succeeded('"done"' as JsonText))
      assert.equal((await scene.find(task.id)).status, 'succeeded')
    })

    it('makes a cancelled task ready again', async (scene) => {
      const id = await scene.submit()
      await scene.cancel(id)
      assert.deepEqual(await scene.retry(id), { kind: 'retried' })
      assert.equal((await scene.claimOne()).id, id)
    })

    it('makes a cancelled task ready even when it was scheduled for later', async (scene) => {
      const id = await scene.submit({ delayMs: 3_600_000 })
      await scene.cancel(id)
      await scene.retry(id)
      assert.equal((await scene.find(id)).status, 'queued')
      assert.equal((await scene.claimOne()).id, id)
    })

    it('forgives the crashes of a quarantined task', async (scene) => {
      const id = await scene.submit()
      for (let crash = 0; crash < 3; crash++) {
        await scene.claimOne({ worker: WATCHED })
        await scene.store.presence.endLeases({ workers: workersOf('worker-1') })
      }
      assert.equal((await scene.find(id)).status, 'failed')
      await scene.retry(id)
      await scene.claimOne({ worker: WATCHED })
      await scene.store.presence.endLeases({ workers: workersOf('worker-1') })
      const { status, crashes } = await scene.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
    })

    it('keeps the history', async (scene) => {
      const task = await scene.start({ maxAttempts: 1 })
      await scene.settle(task, failed())
      const before = await scene.events(task.id)
      await scene.retry(task.id)
      const after = await scene.events(task.id)
      assert.deepEqual(after.slice(0, before.length), before)
      assert.deepEqual(
        after.slice(before.length).map(({ kind }) => kind),
        ['retried'],
      )
    })

    it('refuses tasks that have not failed and are not cancelled', async (scene) => {
      const done = await scene.start()
      await scene.settle(done, succeeded())
      const running = await scene.start()
      const queued = await scene.submit()
      const scheduled = await scene.submit({ delayMs: 1_000 })
      const taskIds = [done.id, running.id, queued, scheduled, scene.newTask().id]
      assert.deepEqual(await scene.store.tasks.retry({ namespace: 'default', taskIds }), [
        { kind: 'not-retryable', status: 'succeeded' },
        { kind: 'not-retryable', status: 'running' },
        { kind: 'not-retryable', status: 'queued' },
        { kind: 'not-retryable', status: 'scheduled' },
        { kind: 'not-found' },
      ])
      assert.equal(await scene.extend(running), 'ok')
    })

    itWithoutFaults('redrives many dead letters in one call, in the order given', async (scene) => {
      const tasks = [await scene.start({ queue: 'dead' }, {}), await scene.start({ queue: 'dead' }, {})]
      for (const task of tasks) await scene.settle(task, failed({ retryable: false }))
      const outcomes = await scene.store.tasks.retry({ namespace: 'default', taskIds: idsOf(tasks) })
      assert.deepEqual(outcomes, [{ kind: 'retried' }, { kind: 'retried' }])
      const { counts } = await scene.counts('dead')
      assert.deepEqual([counts.queued, counts.failed], [2, 0])
    })
  })
}
