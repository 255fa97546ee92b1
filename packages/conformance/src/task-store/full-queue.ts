import assert from 'node:assert/strict'
import { onOwnServer } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import { idsOf, leaseRef } from '../test-bed.ts'
import { throughOutages } from '../through-outages.ts'

const BATCH = 1_000
const HELD = 100
const SCHEDULED = 50
const LEASE_MS = 600_000

/** A restart of the server under a long queue. Only for stores that are shared. */
export function describeFullQueue({ describe, itIn, capabilities, fullQueue }: Suite): void {
  if (!capabilities.shared) return

  describe('restart of the server', () => {
    itIn(onOwnServer, `keeps a queue of ${fullQueue} tasks, its order, leases and tokens`, async (bed) => {
      const tasks = Array.from({ length: fullQueue }, () => bed.newTask())
      for (let start = 0; start < tasks.length; start += BATCH) await bed.enqueue([tasks.slice(start, start + BATCH)])
      await bed.enqueue([Array.from({ length: SCHEDULED }, () => bed.newTask({ delayMs: LEASE_MS }))])
      const held = await bed.claim({ limit: HELD, leaseMs: LEASE_MS })
      const before = await bed.counts()
      assert.deepEqual(
        [before.counts.queued, before.counts.running, before.counts.scheduled],
        [fullQueue - HELD, HELD, SCHEDULED],
      )

      await bed.server.stop()
      await bed.server.start()

      assert.deepEqual(await throughOutages('counts', () => bed.counts()), before)
      assert.deepEqual(idsOf(held), idsOf(tasks.slice(0, HELD)))
      const leases = held.map(leaseRef)
      const extended = await bed.store.tasks.extend({ namespace: 'default', leases, leaseMs: LEASE_MS })
      assert.deepEqual(new Set(extended), new Set(['ok']))
      const next = await bed.claim({ limit: BATCH, leaseMs: LEASE_MS })
      assert.deepEqual(idsOf(next), idsOf(tasks.slice(HELD, HELD + BATCH)))

      const settlements = leases.map((lease) => ({ ...lease, outcome: 'released' }) as const)
      const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['ok']))
      const again = await bed.claim({ limit: HELD, leaseMs: LEASE_MS })
      const tokens = new Map(held.map(({ id, lease }) => [id, lease.token]))
      for (const { id, lease } of again) assert.ok(lease.token > (tokens.get(id) ?? 0))
      const { counts } = await bed.counts()
      assert.deepEqual(
        [counts.queued, counts.running, counts.scheduled],
        [fullQueue - HELD - BATCH, HELD + BATCH, SCHEDULED],
      )
    })
  })
}
