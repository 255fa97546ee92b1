import assert from 'node:assert/strict'
import { type JsonText, LIMITS, type TaskStatus } from '@taskyard/core'
import { failed, only, SWEEP, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const DAY = LIMITS.idempotencySeconds * 1000

export function describeIdempotency({ describe, it }: Suite): void {
  describe('idempotency keys', () => {
    it('answers the same key and request with the first task, adding nothing', async (scene) => {
      const idempotency = { key: 'order-1', fingerprint: 'a' }
      const first = await scene.submit({ idempotency })
      const outcome = only(await scene.enqueue([[scene.newTask({ idempotency })]]))
      assert.equal(outcome.kind, 'accepted')
      const replay = only(outcome.tasks)
      assert.equal(replay.id, first)
      assert.equal(replay.replayed, true)
      assert.equal((await scene.listAll()).length, 1)
    })

    it('answers with the state the first task has now, as a look at it does', async (scene) => {
      const idempotency = { key: 'order-1', fingerprint: 'a' }
      const id = await scene.submit({ idempotency, delayMs: 5_000 })
      const assertReplayIs = async (expected: TaskStatus) => {
        const outcome = only(await scene.enqueue([[scene.newTask({ idempotency })]]))
        assert.ok(outcome.kind === 'accepted')
        const { status, createdAt, runAt } = await scene.find(id)
        assert.deepEqual(only(outcome.tasks), { id, status, createdAt, runAt, replayed: true })
        assert.equal(status, expected)
      }
      await assertReplayIs('scheduled')
      await scene.clock.advance(6_000)
      await assertReplayIs('queued')
      const first = await scene.claimOne()
      await assertReplayIs('running')
      await scene.settle(first, failed({ retryDelayMs: 2_000 }))
      await assertReplayIs('scheduled')
      await scene.clock.advance(3_000)
      await scene.settle(await scene.claimOne(), succeeded('"done"' as JsonText))
      await assertReplayIs('succeeded')
    })

    it('refuses the same key for another request', async (scene) => {
      await scene.submit({ idempotency: { key: 'k "1"', fingerprint: 'a' } })
      const other = scene.newTask({ idempotency: { key: 'k "1"', fingerprint: 'b' } })
      assert.deepEqual(await scene.enqueue([[other]]), [{ kind: 'idempotency-conflict', key: 'k "1"' }])
    })

    it('keeps the keys of namespaces apart', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const here = await scene.submit({ idempotency })
      const there = await scene.submit({ idempotency, namespace: 'other' })
      assert.notEqual(there, here)
    })

    it('sees a key that an earlier submission of the same call used', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const [first, second] = [scene.newTask({ idempotency }), scene.newTask({ idempotency })]
      const outcomes = await scene.enqueue([[first], [second]])
      const ids = outcomes.map((outcome) => outcome.kind === 'accepted' && only(outcome.tasks).id)
      assert.deepEqual(ids, [first.id, first.id])
      assert.equal((await scene.listAll()).length, 1)
    })

    it('stores one task of many concurrent calls with one key', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const calls = Array.from({ length: 20 }, () => scene.enqueue([[scene.newTask({ idempotency })]]))
      const ids = (await Promise.all(calls))
        .flat()
        .map((outcome) => outcome.kind === 'accepted' && outcome.tasks[0]?.id)
      assert.equal(new Set(ids).size, 1)
      assert.equal((await scene.listAll()).length, 1)
    })

    it('holds a key for 24 hours and frees it then', async (scene) => {
      const first = await scene.submit({ idempotency: { key: 'k', fingerprint: 'a' } })
      await scene.clock.advance(DAY - 1000)
      await scene.sweep()
      assert.equal(await scene.submit({ idempotency: { key: 'k', fingerprint: 'a' } }), first)
      await scene.clock.advance(2000)
      await scene.sweep()
      assert.notEqual(await scene.submit({ idempotency: { key: 'k', fingerprint: 'b' } }), first)
    })

    it('says so when retention has removed the first task', async (scene) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const taskId = await scene.submit({ idempotency })
      await scene.settle(await scene.claimOne(), succeeded())
      await scene.clock.advance(61_000)
      await scene.sweep({ retention: { ...SWEEP.retention, succeededSeconds: 60 } })
      const outcomes = await scene.enqueue([[scene.newTask({ idempotency })]])
      assert.deepEqual(outcomes, [{ kind: 'idempotent-task-gone', key: 'k', taskId }])
    })
  })
}
