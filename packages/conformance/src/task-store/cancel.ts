import assert from 'node:assert/strict'
import type { Suite } from '../suite.ts'
import { cancelled, failed, type Outcome, released, SWEEP, succeeded } from '../test-bed.ts'

const AFTER_REQUEST: readonly (readonly [string, Outcome, string])[] = [
  ['a cancellation', cancelled, 'cancelled'],
  ['a retryable failure', failed(), 'cancelled'],
  ['a final failure', failed({ retryable: false }), 'cancelled'],
  ['a release', released, 'cancelled'],
  ['a success', succeeded(), 'succeeded'],
]

/** Cancelling tasks in every state, and what becomes of a running one that was asked to stop. */
export function describeCancel({ describe, it, itWithoutFaults }: Suite): void {
  describe('cancel', () => {
    it('ends a queued task at once', async (bed) => {
      const id = await bed.submit()
      await bed.clock.advance(5)
      assert.deepEqual(await bed.cancel(id), { kind: 'cancelled' })
      const { status, finishedAt } = await bed.find(id)
      assert.deepEqual({ status, finishedAt }, { status: 'cancelled', finishedAt: bed.clock.now() })
      assert.deepEqual(await bed.claim(), [])
    })

    it('ends a scheduled task at once', async (bed) => {
      const id = await bed.submit({ delayMs: 1_000 })
      assert.deepEqual(await bed.cancel(id), { kind: 'cancelled' })
      await bed.clock.advance(2_000)
      await bed.sweep()
      assert.equal((await bed.find(id)).status, 'cancelled')
      assert.deepEqual(await bed.claim(), [])
    })

    it('ends a task that waits for its next attempt', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed())
      assert.deepEqual(await bed.cancel(task.id), { kind: 'cancelled' })
    })

    it('asks the worker of a running task to stop', async (bed) => {
      const task = await bed.start()
      const askedAt = bed.clock.now()
      assert.deepEqual(await bed.cancel(task.id), { kind: 'requested', workerId: 'worker-1' })
      const { status, cancelRequestedAt, finishedAt } = await bed.find(task.id)
      assert.deepEqual(
        { status, cancelRequestedAt, finishedAt },
        { status: 'running', cancelRequestedAt: askedAt, finishedAt: null },
      )
      assert.equal(await bed.extend(task), 'cancel')
    })

    it('keeps the time of the first request when asked again', async (bed) => {
      const task = await bed.start()
      await bed.cancel(task.id)
      const askedAt = bed.clock.now()
      await bed.clock.advance(100)
      assert.equal((await bed.cancel(task.id)).kind, 'requested')
      assert.equal((await bed.find(task.id)).cancelRequestedAt, askedAt)
      assert.equal((await bed.events(task.id)).filter(({ kind }) => kind === 'cancel-requested').length, 1)
    })

    for (const [name, outcome, status] of AFTER_REQUEST) {
      it(`makes ${name} after the request end as ${status}`, async (bed) => {
        const task = await bed.start()
        await bed.cancel(task.id)
        const settled = await bed.settle(task, outcome)
        assert.equal(settled.status === 'ok' && settled.taskStatus, status)
        const found = await bed.find(task.id)
        assert.deepEqual([found.status, found.finishedAt], [status, bed.clock.now()])
        assert.deepEqual(await bed.claim({ queues: [task.queue] }), [])
      })

      it(`accepts ${name} after the request again when its reply was lost`, async (bed) => {
        const task = await bed.start()
        await bed.cancel(task.id)
        await bed.settle(task, outcome)
        const again = await bed.settle(task, outcome)
        assert.deepEqual(again.status === 'ok' && [again.taskStatus, again.repeated], [status, true])
      })
    }

    it('is enforced by the sweep when the worker does not obey within the grace period', async (bed) => {
      const task = await bed.start({}, { leaseMs: 3_600_000 })
      await bed.cancel(task.id)
      await bed.clock.advance(SWEEP.cancelGraceMs - 1)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      const { ended } = await bed.sweep()
      assert.deepEqual(
        ended.map(({ taskId, reason, taskStatus }) => ({ taskId, reason, taskStatus })),
        [{ taskId: task.id, reason: 'cancelled', taskStatus: 'cancelled' }],
      )
      assert.equal((await bed.find(task.id)).status, 'cancelled')
      assert.equal(await bed.extend(task), 'lost')
      assert.equal((await bed.settle(task, succeeded())).status, 'lost')
      assert.equal((await bed.find(task.id)).status, 'cancelled')
    })

    it('ends a task whose lease expires after the request', async (bed) => {
      const task = await bed.start({}, { leaseMs: 1_000 })
      await bed.cancel(task.id)
      await bed.clock.advance(1_000)
      assert.equal((await bed.sweep()).ended[0]?.taskStatus, 'cancelled')
      assert.equal((await bed.find(task.id)).status, 'cancelled')
    })

    it('ends a task whose time is over after the request', async (bed) => {
      const task = await bed.start({ timeoutSeconds: 1 })
      await bed.cancel(task.id)
      await bed.clock.advance(1_000)
      assert.equal((await bed.sweep()).ended[0]?.taskStatus, 'cancelled')
    })

    it('leaves finished tasks as they are', async (bed) => {
      const [done, broken] = [await bed.start(), await bed.start()]
      await bed.settle(done, succeeded())
      await bed.settle(broken, failed({ retryable: false }))
      assert.deepEqual(await bed.cancel(done.id), { kind: 'ended', status: 'succeeded' })
      assert.deepEqual(await bed.cancel(broken.id), { kind: 'ended', status: 'failed' })
      assert.equal((await bed.find(done.id)).status, 'succeeded')
    })

    it('tells when there is no such task', async (bed) => {
      assert.deepEqual(await bed.cancel(bed.newTask().id), { kind: 'not-found' })
    })

    itWithoutFaults('answers for each of several tasks, and a second time with how they ended', async (bed) => {
      const running = await bed.start()
      const [one, unknown, other] = [await bed.submit(), bed.newTask().id, await bed.submit()]
      const taskIds = [one, unknown, running.id, other]
      const kinds = async () =>
        (await bed.store.tasks.cancel({ namespace: 'default', taskIds })).map(({ kind }) => kind)
      assert.deepEqual(await kinds(), ['cancelled', 'not-found', 'requested', 'cancelled'])
      assert.deepEqual(await kinds(), ['ended', 'not-found', 'requested', 'ended'])
    })

    it('does not carry the request over to an attempt after a retry', async (bed) => {
      const task = await bed.start()
      await bed.cancel(task.id)
      await bed.settle(task, cancelled)
      await bed.retry(task.id)
      const again = await bed.claimOne({ queues: [task.queue] })
      assert.equal(again.cancelRequestedAt, null)
      assert.equal(await bed.extend(again), 'ok')
    })
  })
}
