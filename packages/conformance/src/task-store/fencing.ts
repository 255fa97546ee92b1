import assert from 'node:assert/strict'
import type { JsonText, LeasedTask } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { cancelled, failed, type Outcome, released, succeeded, type TestBed } from '../test-bed.ts'

const STALE_OUTCOMES: Readonly<Record<string, Outcome>> = {
  success: succeeded('"stale"' as JsonText),
  failure: failed({ retryable: false }),
  cancellation: cancelled,
  release: released,
}

/** Every write under an old token is refused. */
export function describeFencing({ describe, it }: Suite): void {
  describe('fencing', () => {
    for (const [name, outcome] of Object.entries(STALE_OUTCOMES)) {
      it(`refuses a stale ${name} while another worker holds the task`, async (bed) => {
        const stale = await losesLeaseToAnother(bed)
        await changesNothing(bed, stale.id, async () => {
          assert.deepEqual(await bed.settle(stale, outcome), { status: 'lost' })
        })
      })

      it(`refuses a stale ${name} while the task waits`, async (bed) => {
        const stale = await losesLease(bed)
        await changesNothing(bed, stale.id, async () => {
          assert.deepEqual(await bed.settle(stale, outcome), { status: 'lost' })
        })
      })

      it(`refuses a ${name} under a token never given out`, async (bed) => {
        const task = await bed.start()
        const forged = { ...task, lease: { ...task.lease, token: task.lease.token + 1 } }
        await changesNothing(bed, task.id, async () => {
          assert.deepEqual(await bed.settle(forged, outcome), { status: 'lost' })
        })
      })
    }

    it('refuses stale progress and log lines', async (bed) => {
      const stale = await losesLeaseToAnother(bed)
      await changesNothing(bed, stale.id, async () => {
        assert.equal(await bed.record(stale, { progress: 'stale', log: 'stale' }), 'lost')
      })
    })

    it('refuses a stale heartbeat, which does not lengthen the new lease', async (bed) => {
      const stale = await losesLeaseToAnother(bed)
      assert.equal(await bed.extend(stale, 3_600_000), 'lost')
      await bed.clock.advance(30_000)
      assert.equal((await bed.sweep()).ended[0]?.taskId, stale.id)
    })

    it('refuses a settlement of a task that there is not', async (bed) => {
      const task = await bed.start()
      assert.deepEqual(await bed.settle({ ...task, id: bed.newTask().id }, succeeded()), { status: 'lost' })
    })

    it('refuses the old holder of a task that failed and was retried by hand', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, failed({ retryable: false }))
      await bed.retry(task.id)
      const again = await bed.claimOne({ queues: [task.queue] })
      assert.ok(again.lease.token > task.lease.token)
      await changesNothing(bed, task.id, async () => {
        await bed.settle(task, succeeded())
        assert.equal(await bed.extend(task), 'lost')
        assert.equal(await bed.record(task, { log: 'stale' }), 'lost')
      })
    })

    it('settles what is held and refuses what is lost in one call', async (bed) => {
      const stale = await losesLease(bed)
      const held = await bed.start()
      const settlements = [stale, held].map((task) => ({
        taskId: task.id,
        token: task.lease.token,
        outcome: 'succeeded' as const,
        result: null,
      }))
      const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
      assert.equal((await bed.find(held.id)).status, 'succeeded')
    })
  })
}

async function losesLease(bed: TestBed): Promise<LeasedTask> {
  const task = await bed.start({}, { leaseMs: 1_000 })
  await bed.clock.advance(1_000)
  await bed.sweep()
  return task
}

async function losesLeaseToAnother(bed: TestBed): Promise<LeasedTask> {
  const task = await losesLease(bed)
  const worker = { workerId: 'worker-2', nodeId: null, session: false }
  await bed.claimOne({ queues: [task.queue], worker })
  return task
}

async function changesNothing(bed: TestBed, taskId: string, attempt: () => Promise<void>): Promise<void> {
  const before = [await bed.find(taskId), await bed.events(taskId)]
  await attempt()
  assert.deepEqual([await bed.find(taskId), await bed.events(taskId)], before)
}
