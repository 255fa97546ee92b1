import assert from 'node:assert/strict'
import { isTerminal, type JsonText, type Settlement, type TaskStatus } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { cancelled, failed, leaseRef, type Outcome, released, succeeded, type TestBed } from '../test-bed.ts'

/** Settlements that are repeated, or contradict each other. */
export function describeRepeatedSettlements({ describe, it, itWithoutFaults }: Suite): void {
  describe('settle, repeated', () => {
    for (const [name, outcome] of Object.entries(OUTCOMES)) {
      it(`answers a repeated settlement (${name}) with ok, and nothing changes`, async (bed) => {
        const task = await bed.start()
        const first = await bed.settle(task, outcome)
        const before = [await bed.find(task.id), await bed.events(task.id), await bed.counts(task.queue)]
        await bed.clock.advance(1)
        const again = await bed.settle(task, outcome)
        assert.ok(first.status === 'ok' && again.status === 'ok', JSON.stringify([first, again]))
        assert.equal(again.repeated, true)
        assert.equal(again.taskStatus, first.taskStatus)
        assert.deepEqual([await bed.find(task.id), await bed.events(task.id), await bed.counts(task.queue)], before)
      })
    }

    it('accepts one of two different settlements of a lease: the first', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, succeeded('1' as JsonText))
      await bed.settle(task, failed({ retryable: false }))
      const { status, result, error } = await bed.find(task.id)
      assert.deepEqual({ status, result, error }, { status: 'succeeded', result: '1', error: null })
    })

    it('accepts a lease that one call names twice once', async (bed) => {
      const task = await bed.start()
      const settlement: Settlement = { ...leaseRef(task), outcome: 'succeeded', result: null }
      await bed.store.tasks.settle({ namespace: 'default', settlements: [settlement, settlement], claim: null })
      assert.equal((await bed.events(task.id)).filter(({ kind }) => kind === 'succeeded').length, 1)
      assert.equal((await bed.counts(task.queue)).finishedTotal, 1)
    })

    it('takes the first of two different outcomes of a lease in one call', async (bed) => {
      for (const [first, second, status] of FIRST_COUNTS) {
        const task = await bed.start()
        const settlements = [first, second].map((outcome) => ({ ...leaseRef(task), ...outcome }) as Settlement)
        assert.deepEqual(await statusesOf(bed, settlements), ['ok', 'lost'])
        assert.deepEqual(await statusesOf(bed, settlements), ['ok', 'lost'], 'repeated')
        assert.equal((await bed.find(task.id)).status, status)
      }
    })

    it('judges what is repeated by its own token', async (bed) => {
      for (const end of [succeeded('2' as JsonText), failed({ retryable: false })]) {
        const first = await bed.start()
        await bed.settle(first, released)
        const second = await bed.claimOne({ queues: [first.queue] })
        const [stale, good] = [first, second].map((task) => ({ ...leaseRef(task), ...end }) as Settlement)
        assert.ok(stale && good)
        assert.deepEqual(await statusesOf(bed, [stale, good]), ['lost', 'ok'])
        assert.deepEqual(await statusesOf(bed, [stale, good]), ['lost', 'ok'], 'repeated')
        assert.deepEqual(await statusesOf(bed, [good, stale]), ['ok', 'lost'], 'in the other order')
      }
    })

    for (const [name, outcome] of Object.entries({ failed: failed({ retryable: false }), cancelled })) {
      it(`knows that a lease was settled as ${name} when its task has been retried since`, async (bed) => {
        const task = await bed.start()
        await bed.settle(task, outcome)
        await bed.retry(task.id)
        const again = await bed.settle(task, outcome)
        assert.ok(again.status === 'ok' && again.repeated)
        assert.equal((await bed.find(task.id)).status, 'queued')
      })
    }

    it('knows how an attempt was settled whose task was cancelled and retried since', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed({ retryDelayMs: 4_000 }))
      await bed.cancel(task.id)
      await bed.retry(task.id)
      const again = await bed.settle(task, failed({ retryDelayMs: 4_000 }))
      assert.ok(again.status === 'ok' && again.repeated)
    })

    it('knows what was settled under an earlier token', async (bed) => {
      const first = await bed.start()
      await bed.settle(first, failed({ retryDelayMs: 0 }))
      const second = await bed.claimOne({ queues: [first.queue] })
      await bed.settle(second, released)
      const fail = [first, second].map((task) => ({ ...leaseRef(task), ...failed({ retryDelayMs: 0 }) }) as Settlement)
      assert.deepEqual(await statusesOf(bed, fail), ['ok', 'lost'])
      const release = [first, second].map((task) => ({ ...leaseRef(task), ...released }) as Settlement)
      assert.deepEqual(await statusesOf(bed, release), ['lost', 'ok'])
      await bed.settle(await bed.claimOne({ queues: [first.queue] }), succeeded())
      assert.deepEqual(await statusesOf(bed, fail), ['ok', 'lost'], 'after the end')
    })

    it('does not take what ended without its worker for what the worker says afterwards', async (bed) => {
      const late = { timeoutSeconds: 1 }
      const retried = await bed.start(late)
      const ended = await bed.start({ ...late, maxAttempts: 1 })
      const asked = await bed.start()
      await bed.cancel(asked.id)
      await bed.clock.advance(10_000)
      await bed.sweep()
      const states = [retried, ended, asked].map(async ({ id }) => (await bed.find(id)).status)
      assert.deepEqual(await Promise.all(states), ['scheduled', 'failed', 'cancelled'])
      assert.deepEqual(await bed.settle(retried, failed()), { status: 'lost' })
      assert.deepEqual(await bed.settle(ended, failed()), { status: 'lost' })
      for (const outcome of [cancelled, failed(), released]) {
        assert.deepEqual(await bed.settle(asked, outcome), { status: 'lost' })
      }
    })

    itWithoutFaults('accepts the same settlements at the same time, once', async (bed) => {
      for (const outcome of Object.values(OUTCOMES)) {
        const tasks = [await bed.start(), await bed.start(), await bed.start()]
        const settlements = tasks.map((task) => ({ ...leaseRef(task), ...outcome }) as Settlement)
        const all = await Promise.all(Array.from({ length: 4 }, () => statusesOf(bed, settlements)))
        assert.deepEqual(new Set(all.flat()), new Set(['ok']))
        for (const { id, queue } of tasks) {
          const hasEnded = isTerminal((await bed.find(id)).status)
          assert.equal((await bed.counts(queue)).finishedTotal, hasEnded ? 1 : 0)
        }
      }
    })
  })
}

async function statusesOf(bed: TestBed, settlements: readonly Settlement[]): Promise<readonly string[]> {
  const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
  return results.map(({ status }) => status)
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
