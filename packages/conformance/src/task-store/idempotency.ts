import assert from 'node:assert/strict'
import { type JsonText, LIMITS, type TaskStatus } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, only, SWEEP, succeeded } from '../test-bed.ts'

const DAY = LIMITS.idempotencySeconds * 1000

/** Submissions that are repeated with an idempotency key. */
export function describeIdempotency({ describe, it }: Suite): void {
  describe('idempotency keys', () => {
    it('answers the same key and request with the first task, adding nothing', async (bed) => {
      const idempotency = { key: 'order-1', fingerprint: 'a' }
      const first = await bed.submit({ idempotency })
      const outcome = only(await bed.enqueue([[bed.newTask({ idempotency })]]))
      assert.equal(outcome.kind, 'accepted')
      const replay = only(outcome.tasks)
      assert.equal(replay.id, first)
      assert.equal(replay.replayed, true)
      assert.equal((await bed.listAll()).length, 1)
    })

    it('answers with the state the first task has now, as a look at it does', async (bed) => {
      const idempotency = { key: 'order-1', fingerprint: 'a' }
      const id = await bed.submit({ idempotency, delayMs: 5_000 })
      const assertReplayIs = async (expected: TaskStatus) => {
        const outcome = only(await bed.enqueue([[bed.newTask({ idempotency })]]))
        assert.ok(outcome.kind === 'accepted')
        const { status, createdAt, runAt } = await bed.find(id)
        assert.deepEqual(only(outcome.tasks), { id, status, createdAt, runAt, replayed: true })
        assert.equal(status, expected)
      }
      await assertReplayIs('scheduled')
      await bed.clock.advance(6_000)
      await assertReplayIs('queued')
      const first = await bed.claimOne()
      await assertReplayIs('running')
      await bed.settle(first, failed({ retryDelayMs: 2_000 }))
      await assertReplayIs('scheduled')
      await bed.clock.advance(3_000)
      await bed.settle(await bed.claimOne(), succeeded('"done"' as JsonText))
      await assertReplayIs('succeeded')
    })

    it('refuses the same key for another request', async (bed) => {
      await bed.submit({ idempotency: { key: 'k "1"', fingerprint: 'a' } })
      const other = bed.newTask({ idempotency: { key: 'k "1"', fingerprint: 'b' } })
      assert.deepEqual(await bed.enqueue([[other]]), [{ kind: 'idempotency-conflict', key: 'k "1"' }])
    })

    it('keeps the keys of namespaces apart', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const here = await bed.submit({ idempotency })
      const there = await bed.submit({ idempotency, namespace: 'other' })
      assert.notEqual(there, here)
    })

    it('sees a key that an earlier submission of the same call used', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const [first, second] = [bed.newTask({ idempotency }), bed.newTask({ idempotency })]
      const outcomes = await bed.enqueue([[first], [second]])
      const ids = outcomes.map((outcome) => outcome.kind === 'accepted' && only(outcome.tasks).id)
      assert.deepEqual(ids, [first.id, first.id])
      assert.equal((await bed.listAll()).length, 1)
    })

    it('stores one task of many concurrent calls with one key', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const calls = Array.from({ length: 20 }, () => bed.enqueue([[bed.newTask({ idempotency })]]))
      const ids = (await Promise.all(calls))
        .flat()
        .map((outcome) => outcome.kind === 'accepted' && outcome.tasks[0]?.id)
      assert.equal(new Set(ids).size, 1)
      assert.equal((await bed.listAll()).length, 1)
    })

    it('holds a key for 24 hours and frees it then', async (bed) => {
      const first = await bed.submit({ idempotency: { key: 'k', fingerprint: 'a' } })
      await bed.clock.advance(DAY - 1000)
      await bed.sweep()
      assert.equal(await bed.submit({ idempotency: { key: 'k', fingerprint: 'a' } }), first)
      await bed.clock.advance(2000)
      await bed.sweep()
      assert.notEqual(await bed.submit({ idempotency: { key: 'k', fingerprint: 'b' } }), first)
    })

    it('says so when retention has removed the first task', async (bed) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const taskId = await bed.submit({ idempotency })
      await bed.settle(await bed.claimOne(), succeeded())
      await bed.clock.advance(61_000)
      await bed.sweep({ retention: { ...SWEEP.retention, succeededSeconds: 60 } })
      const outcomes = await bed.enqueue([[bed.newTask({ idempotency })]])
      assert.deepEqual(outcomes, [{ kind: 'idempotent-task-gone', key: 'k', taskId }])
    })
  })
}
