import assert from 'node:assert/strict'
import { type Backoff, backoffDelayMs, type JsonText, type Settlement } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { CLAIM, cancelled, failed, idsOf, leaseRef, only, released, succeeded } from '../test-bed.ts'

/** What each outcome makes of a task. */
export function describeSettle({ describe, it, itWithoutFaults }: Suite): void {
  describe('settle', () => {
    it('keeps the result of a success', async (bed) => {
      const task = await bed.start()
      await bed.clock.advance(250)
      await bed.settle(task, succeeded('{"sent":true}' as JsonText))
      const { status, result, error, finishedAt, attempt, workerId } = await bed.find(task.id)
      assert.deepEqual(
        { status, result, error, finishedAt, attempt, workerId },
        {
          status: 'succeeded',
          result: '{"sent":true}',
          error: null,
          finishedAt: bed.clock.now(),
          attempt: 1,
          workerId: 'worker-1',
        },
      )
    })

    itWithoutFaults('tells where the task went, how long it waited and how long it ran', async (bed) => {
      const id = await bed.submit()
      await bed.clock.advance(40)
      const task = await bed.claimOne()
      await bed.clock.advance(250)
      assert.equal(task.id, id)
      assert.deepEqual(await bed.settle(task, succeeded()), {
        status: 'ok',
        taskStatus: 'succeeded',
        repeated: false,
        namespace: 'default',
        queue: 'default',
        type: 'test',
        waitMs: 40,
        runMs: 250,
        runAt: null,
      })
    })

    for (const [name, backoff] of Object.entries(BACKOFFS)) {
      it(`schedules the next attempt of a failed task by its ${name} backoff`, async (bed) => {
        const id = await bed.submit({ backoff })
        for (let attempt = 1; attempt <= 4; attempt++) {
          const task = await bed.claimOne()
          assert.equal(task.attempt, attempt)
          const jitter = 0.25 * attempt - 0.25
          await bed.settle(task, failed({ jitter }))
          const runAt = bed.clock.now() + backoffDelayMs(backoff, attempt, jitter)
          assert.equal((await bed.find(id)).runAt, runAt)
          await bed.clock.advance(runAt - bed.clock.now())
        }
      })
    }

    it('waits for its backoff', async (bed) => {
      const task = await bed.start({ backoff: { kind: 'fixed', baseSeconds: 10, factor: 1, maxSeconds: 60 } })
      await bed.settle(task, failed())
      assert.equal((await bed.find(task.id)).status, 'scheduled')
      await bed.clock.advance(9_999)
      assert.deepEqual(await bed.claim({ queues: [task.queue] }), [])
      await bed.clock.advance(1)
      assert.equal((await bed.claimOne({ queues: [task.queue] })).attempt, 2)
    })

    itWithoutFaults('tells when the next attempt is due', async (bed) => {
      const settled = await bed.settle(await bed.start(), failed({ retryDelayMs: 4_000 }))
      assert.equal(settled.status === 'ok' && settled.runAt, bed.clock.now() + 4_000)
    })

    it('prefers the wait that the worker wishes', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed({ retryDelayMs: 123_456 }))
      assert.equal((await bed.find(task.id)).runAt, bed.clock.now() + 123_456)
    })

    it('queues a failed task at once when the wait is zero', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed({ retryDelayMs: 0 }))
      assert.equal((await bed.find(task.id)).status, 'queued')
      assert.equal((await bed.claimOne({ queues: [task.queue] })).attempt, 2)
    })

    it('ends a task whose failure is not retryable', async (bed) => {
      const task = await bed.start()
      const error = { code: 'mailbox_unknown', message: 'No such mailbox: "ä"', stack: 'Error\n    at here' }
      await bed.settle(task, failed({ retryable: false, error }))
      const found = await bed.find(task.id)
      assert.equal(found.status, 'failed')
      assert.deepEqual(found.error, error)
      assert.equal(found.finishedAt, bed.clock.now())
      assert.equal(found.result, null)
    })

    it('ends a task whose attempts are used up', async (bed) => {
      const id = await bed.submit({ maxAttempts: 2 })
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 0 }))
      const last = await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal(last.status === 'ok' && last.taskStatus, 'failed')
      assert.equal((await bed.find(id)).attempt, 2)
      assert.deepEqual(await bed.claim(), [])
    })

    it('drops the error of an earlier attempt from a task that succeeds', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed({ retryDelayMs: 0 }))
      await bed.settle(await bed.claimOne({ queues: [task.queue] }), succeeded())
      assert.equal((await bed.find(task.id)).error, null)
    })

    it('gives the attempt of a released task back', async (bed) => {
      const id = await bed.submit({ maxAttempts: 1 })
      for (let drain = 0; drain < 3; drain++) {
        const task = await bed.claimOne()
        assert.equal(task.attempt, 1)
        const settled = await bed.settle(task, released)
        assert.equal(settled.status === 'ok' && settled.taskStatus, 'queued')
        const { status, attempt, crashes } = await bed.find(id)
        assert.deepEqual({ status, attempt, crashes }, { status: 'queued', attempt: 0, crashes: 0 })
      }
    })

    it('accepts that a worker cancelled a task', async (bed) => {
      const task = await bed.start()
      const settled = await bed.settle(task, cancelled)
      assert.equal(settled.status === 'ok' && settled.taskStatus, 'cancelled')
      assert.equal((await bed.find(task.id)).finishedAt, bed.clock.now())
    })

    it('settles and claims the next tasks in one call', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      const first = await bed.claimOne()
      const report = await bed.store.tasks.settle({
        namespace: 'default',
        settlements: [{ ...leaseRef(first), outcome: 'succeeded', result: null }],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(only(report.results).status, 'ok')
      assert.deepEqual(idsOf(report.tasks), [ids[1]])
      assert.equal(only(report.tasks).status, 'running')
      assert.equal((await bed.find(ids[2] as string)).status, 'queued')
    })

    it('claims even when it has nothing to settle or what it settles is lost', async (bed) => {
      await bed.submit()
      await bed.submit()
      const nothing = await bed.store.tasks.settle({
        namespace: 'default',
        settlements: [],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(nothing.tasks.length, 1)
      const lost: Settlement = { taskId: bed.newTask().id, token: 1, outcome: 'released' }
      const report = await bed.store.tasks.settle({
        namespace: 'default',
        settlements: [lost],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(report.tasks.length, 1)
    })
  })
}

const BACKOFFS: Readonly<Record<string, Backoff>> = {
  exponential: { kind: 'exponential', baseSeconds: 1, factor: 3, maxSeconds: 20 },
  linear: { kind: 'linear', baseSeconds: 2, factor: 1.5, maxSeconds: 3600 },
  fixed: { kind: 'fixed', baseSeconds: 0.75, factor: 1, maxSeconds: 3600 },
}
