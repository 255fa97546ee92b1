import assert from 'node:assert/strict'
import { type Backoff, backoffDelayMs, type JsonText, type Settlement } from '@taskyard/core'
import { CLAIM, cancelled, failed, idsOf, leaseRef, only, released, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeSettle({ describe, it, itWithoutFaults }: Suite): void {
  describe('settle', () => {
    it('keeps the result of a success', async (scene) => {
      const task = await scene.start()
      await scene.clock.advance(250)
      await scene.settle(task, succeeded('{"sent":true}' as JsonText))
      const { status, result, error, finishedAt, attempt, workerId } = await scene.find(task.id)
      assert.deepEqual(
        { status, result, error, finishedAt, attempt, workerId },
        {
          status: 'succeeded',
          result: '{"sent":true}',
          error: null,
          finishedAt: scene.clock.now(),
          attempt: 1,
          workerId: 'worker-1',
        },
      )
    })

    itWithoutFaults('tells where the task went, how long it waited and how long it ran', async (scene) => {
      const id = await scene.submit()
      await scene.clock.advance(40)
      const task = await scene.claimOne()
      await scene.clock.advance(250)
      assert.equal(task.id, id)
      assert.deepEqual(await scene.settle(task, succeeded()), {
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
      it(`schedules the next attempt of a failed task by its ${name} backoff`, async (scene) => {
        const id = await scene.submit({ backoff })
        for (let attempt = 1; attempt <= 4; attempt++) {
          const task = await scene.claimOne()
          assert.equal(task.attempt, attempt)
          const jitter = 0.25 * attempt - 0.25
          await scene.settle(task, failed({ jitter }))
          const runAt = scene.clock.now() + backoffDelayMs(backoff, attempt, jitter)
          assert.equal((await scene.find(id)).runAt, runAt)
          await scene.clock.advance(runAt - scene.clock.now())
        }
      })
    }

    it('waits for its backoff', async (scene) => {
      const task = await scene.start({ backoff: { kind: 'fixed', baseSeconds: 10, factor: 1, maxSeconds: 60 } })
      await scene.settle(task, failed())
      assert.equal((await scene.find(task.id)).status, 'scheduled')
      await scene.clock.advance(9_999)
      assert.deepEqual(await scene.claim({ queues: [task.queue] }), [])
      await scene.clock.advance(1)
      assert.equal((await scene.claimOne({ queues: [task.queue] })).attempt, 2)
    })

    itWithoutFaults('tells when the next attempt is due', async (scene) => {
      const settled = await scene.settle(await scene.start(), failed({ retryDelayMs: 4_000 }))
      assert.equal(settled.status === 'ok' && settled.runAt, scene.clock.now() + 4_000)
    })

    it('prefers the wait that the worker wishes', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed({ retryDelayMs: 123_456 }))
      assert.equal((await scene.find(task.id)).runAt, scene.clock.now() + 123_456)
    })

    it('queues a failed task at once when the wait is zero', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed({ retryDelayMs: 0 }))
      assert.equal((await scene.find(task.id)).status, 'queued')
      assert.equal((await scene.claimOne({ queues: [task.queue] })).attempt, 2)
    })

    it('ends a task whose failure is not retryable', async (scene) => {
      const task = await scene.start()
      const error = { code: 'mailbox_unknown', message: 'No such mailbox: "ä"', stack: 'Error\n    at here' }
      await scene.settle(task, failed({ retryable: false, error }))
      const found = await scene.find(task.id)
      assert.equal(found.status, 'failed')
      assert.deepEqual(found.error, error)
      assert.equal(found.finishedAt, scene.clock.now())
      assert.equal(found.result, null)
    })

    it('ends a task whose attempts are used up', async (scene) => {
      const id = await scene.submit({ maxAttempts: 2 })
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      const last = await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal(last.status === 'ok' && last.taskStatus, 'failed')
      assert.equal((await scene.find(id)).attempt, 2)
      assert.deepEqual(await scene.claim(), [])
    })

    it('drops the error of an earlier attempt from a task that succeeds', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed({ retryDelayMs: 0 }))
      await scene.settle(await scene.claimOne({ queues: [task.queue] }), succeeded())
      assert.equal((await scene.find(task.id)).error, null)
    })

    it('gives the attempt of a released task back', async (scene) => {
      const id = await scene.submit({ maxAttempts: 1 })
      for (let drain = 0; drain < 3; drain++) {
        const task = await scene.claimOne()
        assert.equal(task.attempt, 1)
        const settled = await scene.settle(task, released)
        assert.equal(settled.status === 'ok' && settled.taskStatus, 'queued')
        const { status, attempt, crashes } = await scene.find(id)
        assert.deepEqual({ status, attempt, crashes }, { status: 'queued', attempt: 0, crashes: 0 })
      }
    })

    it('accepts that a worker cancelled a task', async (scene) => {
      const task = await scene.start()
      const settled = await scene.settle(task, cancelled)
      assert.equal(settled.status === 'ok' && settled.taskStatus, 'cancelled')
      assert.equal((await scene.find(task.id)).finishedAt, scene.clock.now())
    })

    it('settles and claims the next tasks in one call', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      const first = await scene.claimOne()
      const report = await scene.store.tasks.settle({
        namespace: 'default',
        settlements: [{ ...leaseRef(first), outcome: 'succeeded', result: null }],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(only(report.results).status, 'ok')
      assert.deepEqual(idsOf(report.tasks), [ids[1]])
      assert.equal(only(report.tasks).status, 'running')
      assert.equal((await scene.find(ids[2] as string)).status, 'queued')
    })

    it('claims even when it has nothing to settle or what it settles is lost', async (scene) => {
      await scene.submit()
      await scene.submit()
      const nothing = await scene.store.tasks.settle({
        namespace: 'default',
        settlements: [],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(nothing.tasks.length, 1)
      const lost: Settlement = { taskId: scene.newTask().id, token: 1, outcome: 'released' }
      const report = await scene.store.tasks.settle({
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
