import assert from 'node:assert/strict'
import { cancelled, failed, type Outcome, released, SWEEP, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const AFTER_REQUEST: readonly (readonly [string, Outcome, string])[] = [
  ['a cancellation', cancelled, 'cancelled'],
  ['a retryable failure', failed(), 'cancelled'],
  ['a final failure', failed({ retryable: false }), 'cancelled'],
  ['a release', released, 'cancelled'],
  ['a success', succeeded(), 'succeeded'],
]

export function describeCancel({ describe, it, itWithoutFaults }: Suite): void {
  describe('cancel', () => {
    it('ends a queued task at once', async (scene) => {
      const id = await scene.submit()
      await scene.clock.advance(5)
      assert.deepEqual(await scene.cancel(id), { kind: 'cancelled' })
      const { status, finishedAt } = await scene.find(id)
      assert.deepEqual({ status, finishedAt }, { status: 'cancelled', finishedAt: scene.clock.now() })
      assert.deepEqual(await scene.claim(), [])
    })

    it('ends a scheduled task at once', async (scene) => {
      const id = await scene.submit({ delayMs: 1_000 })
      assert.deepEqual(await scene.cancel(id), { kind: 'cancelled' })
      await scene.clock.advance(2_000)
      await scene.sweep()
      assert.equal((await scene.find(id)).status, 'cancelled')
      assert.deepEqual(await scene.claim(), [])
    })

    it('ends a task that waits for its next attempt', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed())
      assert.deepEqual(await scene.cancel(task.id), { kind: 'cancelled' })
    })

    it('asks the worker of a running task to stop', async (scene) => {
      const task = await scene.start()
      const askedAt = scene.clock.now()
      assert.deepEqual(await scene.cancel(task.id), { kind: 'requested', workerId: 'worker-1' })
      const { status, cancelRequestedAt, finishedAt } = await scene.find(task.id)
      assert.deepEqual(
        { status, cancelRequestedAt, finishedAt },
        { status: 'running', cancelRequestedAt: askedAt, finishedAt: null },
      )
      assert.equal(await scene.extend(task), 'cancel')
    })

    it('keeps the time of the first request when asked again', async (scene) => {
      const task = await scene.start()
      await scene.cancel(task.id)
      const askedAt = scene.clock.now()
      await scene.clock.advance(100)
      assert.equal((await scene.cancel(task.id)).kind, 'requested')
      assert.equal((await scene.find(task.id)).cancelRequestedAt, askedAt)
      assert.equal((await scene.events(task.id)).filter(({ kind }) => kind === 'cancel-requested').length, 1)
    })

    for (const [name, outcome, status] of AFTER_REQUEST) {
      it(`makes ${name} after the request end as ${status}`, async (scene) => {
        const task = await scene.start()
        await scene.cancel(task.id)
        const settled = await scene.settle(task, outcome)
        assert.equal(settled.status === 'ok' && settled.taskStatus, status)
        const found = await scene.find(task.id)
        assert.deepEqual([found.status, found.finishedAt], [status, scene.clock.now()])
        assert.deepEqual(await scene.claim({ queues: [task.queue] }), [])
      })

      it(`accepts ${name} after the request again when its reply was lost`, async (scene) => {
        const task = await scene.start()
        await scene.cancel(task.id)
        await scene.settle(task, outcome)
        const again = await scene.settle(task, outcome)
        assert.deepEqual(again.status === 'ok' && [again.taskStatus, again.repeated], [status, true])
      })
    }

    it('is enforced by the sweep when the worker does not obey within the grace period', async (scene) => {
      const task = await scene.start({}, { leaseMs: 3_600_000 })
      await scene.cancel(task.id)
      await scene.clock.advance(SWEEP.cancelGraceMs - 1)
      assert.deepEqual((await scene.sweep()).ended, [])
      await scene.clock.advance(1)
      const { ended } = await scene.sweep()
      assert.deepEqual(
        ended.map(({ taskId, reason, taskStatus }) => ({ taskId, reason, taskStatus })),
        [{ taskId: task.id, reason: 'cancelled', taskStatus: 'cancelled' }],
      )
      assert.equal((await scene.find(task.id)).status, 'cancelled')
      assert.equal(await scene.extend(task), 'lost')
      assert.equal((await scene.settle(task, succeeded())).status, 'lost')
      assert.equal((await scene.find(task.id)).status, 'cancelled')
    })

    it('ends a task whose lease expires after the request', async (scene) => {
      const task = await scene.start({}, { leaseMs: 1_000 })
      await scene.cancel(task.id)
      await scene.clock.advance(1_000)
      assert.equal((await scene.sweep()).ended[0]?.taskStatus, 'cancelled')
      assert.equal((await scene.find(task.id)).status, 'cancelled')
    })

    it('ends a task whose time is over after the request', async (scene) => {
      const task = await scene.start({ timeoutSeconds: 1 })
      await scene.cancel(task.id)
      await scene.clock.advance(1_000)
      assert.equal((await scene.sweep()).ended[0]?.taskStatus, 'cancelled')
    })

    it('leaves finished tasks as they are', async (scene) => {
      const [done, broken] = [await scene.start(), await scene.start()]
      await scene.settle(done, succeeded())
      await scene.settle(broken, failed({ retryable: false }))
      assert.deepEqual(await scene.cancel(done.id), { kind: 'ended', status: 'succeeded' })
      assert.deepEqual(await scene.cancel(broken.id), { kind: 'ended', status: 'failed' })
      assert.equal((await scene.find(done.id)).status, 'succeeded')
    })

    it('tells when there is no such task', async (scene) => {
      assert.deepEqual(await scene.cancel(scene.newTask().id), { kind: 'not-found' })
    })

    itWithoutFaults('answers for each of several tasks, and a second time with how they ended', async (scene) => {
      const running = await scene.start()
      const [one, unknown, other] = [await scene.submit(), scene.newTask().id, await scene.submit()]
      const taskIds = [one, unknown, running.id, other]
      const kinds = async () =>
        (await scene.store.tasks.cancel({ namespace: 'default', taskIds })).map(({ kind }) => kind)
      assert.deepEqual(await kinds(), ['cancelled', 'not-found', 'requested', 'cancelled'])
      assert.deepEqual(await kinds(), ['ended', 'not-found', 'requested', 'ended'])
    })

    it('does not carry the request over to an attempt after a retry', async (scene) => {
      const task = await scene.start()
      await scene.cancel(task.id)
      await scene.settle(task, cancelled)
      await scene.retry(task.id)
      const again = await scene.claimOne({ queues: [task.queue] })
      assert.equal(again.cancelRequestedAt, null)
      assert.equal(await scene.extend(again), 'ok')
    })
  })
}
