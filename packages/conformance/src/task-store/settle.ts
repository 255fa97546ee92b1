import assert from 'node:assert/strict'
import {
  type Backoff,
  backoffDelayMs,
  isTerminal,
  type JsonText,
  type Settlement,
  type TaskStatus,
} from '@taskyard/core'
import {
  CLAIM,
  cancelled,
  failed,
  idsOf,
  leaseRef,
  type Outcome,
  only,
  released,
  type Scene,
  succeeded,
} from '../scene.ts'
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

    for (const [name, outcome] of Object.entries(OUTCOMES)) {
      it(`answers a repeated settlement (${name}) with ok, and nothing changes`, async (scene) => {
        const task = await scene.start()
        const first = await scene.settle(task, outcome)
        const before = [await scene.find(task.id), await scene.events(task.id), await scene.counts(task.queue)]
        await scene.clock.advance(1)
        const again = await scene.settle(task, outcome)
        assert.ok(first.status === 'ok' && again.status === 'ok', JSON.stringify([first, again]))
        assert.equal(again.repeated, true)
        assert.equal(again.taskStatus, first.taskStatus)
        assert.deepEqual(
          [await scene.find(task.id), await scene.events(task.id), await scene.counts(task.queue)],
          before,
        )
      })
    }

    it('accepts one of two different settlements of a lease: the first', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, succeeded('1' as JsonText))
      await scene.settle(task, failed({ retryable: false }))
      const { status, result, error } = await scene.find(task.id)
      assert.deepEqual({ status, result, error }, { status: 'succeeded', result: '1', error: null })
    })

    it('accepts a lease that one call names twice once', async (scene) => {
      const task = await scene.start()
      const settlement: Settlement = { ...leaseRef(task), outcome: 'succeeded', result: null }
      await scene.store.tasks.settle({ settlements: [settlement, settlement], claim: null })
      assert.equal((await scene.events(task.id)).filter(({ kind }) => kind === 'succeeded').length, 1)
      assert.equal((await scene.counts(task.queue)).finishedTotal, 1)
    })

    it('takes the first of two different outcomes of a lease in one call', async (scene) => {
      for (const [first, second, status] of FIRST_COUNTS) {
        const task = await scene.start()
        const settlements = [first, second].map((outcome) => ({ ...leaseRef(task), ...outcome }) as Settlement)
        assert.deepEqual(await statusesOf(scene, settlements), ['ok', 'lost'])
        assert.deepEqual(await statusesOf(scene, settlements), ['ok', 'lost'], 'repeated')
        assert.equal((await scene.find(task.id)).status, status)
      }
    })

    it('judges what is repeated by its own token', async (scene) => {
      for (const end of [succeeded('2' as JsonText), failed({ retryable: false })]) {
        const first = await scene.start()
        await scene.settle(first, released)
        const second = await scene.claimOne({ queues: [first.queue] })
        const [stale, good] = [first, second].map((task) => ({ ...leaseRef(task), ...end }) as Settlement)
        assert.ok(stale && good)
        assert.deepEqual(await statusesOf(scene, [stale, good]), ['lost', 'ok'])
        assert.deepEqual(await statusesOf(scene, [stale, good]), ['lost', 'ok'], 'repeated')
        assert.deepEqual(await statusesOf(scene, [good, stale]), ['ok', 'lost'], 'in the other order')
      }
    })

    for (const [name, outcome] of Object.entries({ failed: failed({ retryable: false }), cancelled })) {
      it(`knows that a lease was settled as ${name} when its task has been retried since`, async (scene) => {
        const task = await scene.start()
        await scene.settle(task, outcome)
        await scene.retry(task.id)
        const again = await scene.settle(task, outcome)
        assert.ok(again.status === 'ok' && again.repeated)
        assert.equal((await scene.find(task.id)).status, 'queued')
      })
    }

    it('knows how an attempt was settled whose task was cancelled and retried since', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed({ retryDelayMs: 4_000 }))
      await scene.cancel(task.id)
      await scene.retry(task.id)
      const again = await scene.settle(task, failed({ retryDelayMs: 4_000 }))
      assert.ok(again.status === 'ok' && again.repeated)
    })

    it('knows what was settled under an earlier token', async (scene) => {
      const first = await scene.start()
      await scene.settle(first, failed({ retryDelayMs: 0 }))
      const second = await scene.claimOne({ queues: [first.queue] })
      await scene.settle(second, released)
      const fail = [first, second].map((task) => ({ ...leaseRef(task), ...failed({ retryDelayMs: 0 }) }) as Settlement)
      assert.deepEqual(await statusesOf(scene, fail), ['ok', 'lost'])
      const release = [first, second].map((task) => ({ ...leaseRef(task), ...released }) as Settlement)
      assert.deepEqual(await statusesOf(scene, release), ['lost', 'ok'])
      await scene.settle(await scene.claimOne({ queues: [first.queue] }), succeeded())
      assert.deepEqual(await statusesOf(scene, fail), ['ok', 'lost'], 'after the end')
    })

    it('does not take what ended without its worker for what the worker says afterwards', async (scene) => {
      const late = { timeoutSeconds: 1 }
      const retried = await scene.start(late)
      const ended = await scene.start({ ...late, maxAttempts: 1 })
      const asked = await scene.start()
      await scene.cancel(asked.id)
      await scene.clock.advance(10_000)
      await scene.sweep()
      const states = [retried, ended, asked].map(async ({ id }) => (await scene.find(id)).status)
      assert.deepEqual(await Promise.all(states), ['scheduled', 'failed', 'cancelled'])
      assert.deepEqual(await scene.settle(retried, failed()), { status: 'lost' })
      assert.deepEqual(await scene.settle(ended, failed()), { status: 'lost' })
      for (const outcome of [cancelled, failed(), released]) {
        assert.deepEqual(await scene.settle(asked, outcome), { status: 'lost' })
      }
    })

    itWithoutFaults('accepts the same settlements at the same time, once', async (scene) => {
      for (const outcome of Object.values(OUTCOMES)) {
        const tasks = [await scene.start(), await scene.start(), await scene.start()]
        const settlements = tasks.map((task) => ({ ...leaseRef(task), ...outcome }) as Settlement)
        const all = await Promise.all(Array.from({ length: 4 }, () => statusesOf(scene, settlements)))
        assert.deepEqual(new Set(all.flat()), new Set(['ok']))
        for (const { id, queue } of tasks) {
          const hasEnded = isTerminal((await scene.find(id)).status)
          assert.equal((await scene.counts(queue)).finishedTotal, hasEnded ? 1 : 0)
        }
      }
    })

    it('settles and claims the next tasks in one call', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      const first = await scene.claimOne()
      const report = await scene.store.tasks.settle({
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
      const nothing = await scene.store.tasks.settle({ settlements: [], claim: { ...CLAIM, limit: 1 } })
      assert.equal(nothing.tasks.length, 1)
      const lost: Settlement = { taskId: scene.newTask().id, token: 1, outcome: 'released' }
      const report = await scene.store.tasks.settle({ settlements: [lost], claim: { ...CLAIM, limit: 1 } })
      assert.equal(report.tasks.length, 1)
    })
  })
}

async function statusesOf(scene: Scene, settlements: readonly Settlement[]): Promise<readonly string[]> {
  const { results } = await scene.store.tasks.settle({ settlements, claim: null })
  return results.map(({ status }) => status)
}

const BACKOFFS: Readonly<Record<string, Backoff>> = {
  exponential: { kind: 'exponential', baseSeconds: 1, factor: 3, maxSeconds: 20 },
  linear: { kind: 'linear', baseSeconds: 2, factor: 1.5, maxSeconds: 3600 },
  fixed: { kind: 'fixed', baseSeconds: 0.75, factor: 1, maxSeconds: 3600 },
}

const OUTCOMES = {
  succeeded: succeeded('[1]' as JsonText),
  failed: failed({ retryable: false }),
  'failed, to be retried': failed(),
  cancelled,
  released,
} as const

const FIRST_COUNTS: readonly (readonly [Outcome, Outcome, TaskStatus])[] = [
  [succeeded('1' as JsonText), failed({ retryable: false }), 'succeeded'],
  [failed({ retryable: false }), succeeded('1' as JsonText), 'failed'],
  [failed(), succeeded(), 'scheduled'],
  [released, succeeded(), 'queued'],
  [cancelled, failed(), 'cancelled'],
  [succeeded(), cancelled, 'succeeded'],
]
