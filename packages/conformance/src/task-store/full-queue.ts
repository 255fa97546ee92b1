import assert from 'node:assert/strict'
import { onOwnServer } from '../real-time.ts'
import { idsOf, leaseRef } from '../scene.ts'
import type { Suite } from '../suite.ts'
import { throughOutages } from '../through-outages.ts'

const BATCH = 1_000
const HELD = 100
const SCHEDULED = 50
const LEASE_MS = 600_000

export function describeFullQueue({ describe, itIn, capabilities, fullQueue }: Suite): void {
  if (!capabilities.shared) return

  describe('restart of the server', () => {
    itIn(onOwnServer, `keeps a queue of ${fullQueue} tasks, its order, leases and tokens`, async (scene) => {
      const tasks = Array.from({ length: fullQueue }, () => scene.newTask())
      for (let start = 0; start < tasks.length; start += BATCH) await scene.enqueue([tasks.slice(start, start + BATCH)])
      await scene.enqueue([Array.from({ length: SCHEDULED }, () => scene.newTask({ delayMs: LEASE_MS }))])
      const held = await scene.claim({ limit: HELD, leaseMs: LEASE_MS })
      const before = await scene.counts()
      assert.deepEqual(
        [before.counts.queued, before.counts.running, before.counts.scheduled],
        [fullQueue - HELD, HELD, SCHEDULED],
      )

      await scene.server.stop()
      await scene.server.start()

      assert.deepEqual(await throughOutages('counts', () => scene.counts()), before)
      assert.deepEqual(idsOf(held), idsOf(tasks.slice(0, HELD)))
      const leases = held.map(leaseRef)
      const extended = await scene.store.tasks.extend({ namespace: 'default', leases, leaseMs: LEASE_MS })
      assert.deepEqual(new Set(extended), new Set(['ok']))
      const next = await scene.claim({ limit: BATCH, leaseMs: LEASE_MS })
      assert.deepEqual(idsOf(next), idsOf(tasks.slice(HELD, HELD + BATCH)))

      const settlements = leases.map((lease) => ({ ...lease, outcome: 'released' }) as const)
      const { results } = await scene.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['ok']))
      const again = await scene.claim({ limit: HELD, leaseMs: LEASE_MS })
      const tokens = new Map(held.map(({ id, lease }) => [id, lease.token]))
      for (const { id, lease } of again) assert.ok(lease.token > (tokens.get(id) ?? 0))
      const { counts } = await scene.counts()
      assert.deepEqual(
        [counts.queued, counts.running, counts.scheduled],
        [fullQueue - HELD - BATCH, HELD + BATCH, SCHEDULED],
      )
    })
  })
}
