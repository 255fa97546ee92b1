import assert from 'node:assert/strict'
import type { JsonText, LeasedTask } from '@taskyard/core'
import { cancelled, failed, type Outcome, released, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const STALE_OUTCOMES: Readonly<Record<string, Outcome>> = {
  success: succeeded('"stale"' as JsonText),
  failure: failed({ retryable: false }),
  cancellation: cancelled,
  release: released,
}

export function describeFencing({ describe, it }: Suite): void {
  describe('fencing', () => {
    for (const [name, outcome] of Object.entries(STALE_OUTCOMES)) {
      it(`refuses a stale ${name} while another worker holds the task`, async (scene) => {
        const stale = await losesLeaseToAnother(scene)
        await changesNothing(scene, stale.id, async () => {
          assert.deepEqual(await scene.settle(stale, outcome), { status: 'lost' })
        })
      })

      it(`refuses a stale ${name} while the task waits`, async (scene) => {
        const stale = await losesLease(scene)
        await changesNothing(scene, stale.id, async () => {
          assert.deepEqual(await scene.settle(stale, outcome), { status: 'lost' })
        })
      })

      it(`refuses a ${name} under a token never given out`, async (scene) => {
        const task = await scene.start()
        const forged = { ...task, lease: { ...task.lease, token: task.lease.token + 1 } }
        await changesNothing(scene, task.id, async () => {
          assert.deepEqual(await scene.settle(forged, outcome), { status: 'lost' })
        })
      })
    }

    it('refuses stale progress and log lines', async (scene) => {
      const stale = await losesLeaseToAnother(scene)
      await changesNothing(scene, stale.id, async () => {
        assert.equal(await scene.record(stale, { progress: 'stale', log: 'stale' }), 'lost')
      })
    })

    it('refuses a stale heartbeat, which does not lengthen the new lease', async (scene) => {
      const stale = await losesLeaseToAnother(scene)
      assert.equal(await scene.extend(stale, 3_600_000), 'lost')
      await scene.clock.advance(30_000)
      assert.equal((await scene.sweep()).ended[0]?.taskId, stale.id)
    })

    it('refuses a settlement of a task that there is not', async (scene) => {
      const task = await scene.start()
      assert.deepEqual(await scene.settle({ ...task, id: scene.newTask().id }, succeeded()), { status: 'lost' })
    })

    it('refuses the old holder of a task that failed and was retried by hand', async (scene) => {
      const task = await scene.start()
      await scene.settle(task, failed({ retryable: false }))
      await scene.retry(task.id)
      const again = await scene.claimOne({ queues: [task.queue] })
      assert.ok(again.lease.token > task.lease.token)
      await changesNothing(scene, task.id, async () => {
        await scene.settle(task, succeeded())
        assert.equal(await scene.extend(task), 'lost')
        assert.equal(await scene.record(task, { log: 'stale' }), 'lost')
      })
    })

    it('settles what is held and refuses what is lost in one call', async (scene) => {
      const stale = await losesLease(scene)
      const held = await scene.start()
      const settlements = [stale, held].map((task) => ({
        taskId: task.id,
        token: task.lease.token,
        outcome: 'succeeded' as const,
        result: null,
      }))
      const { results } = await scene.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
      assert.equal((await scene.find(held.id)).status, 'succeeded')
    })
  })
}

async function losesLease(scene: Scene): Promise<LeasedTask> {
  const task = await scene.start({}, { leaseMs: 1_000 })
  await scene.clock.advance(1_000)
  await scene.sweep()
  return task
}

async function losesLeaseToAnother(scene: Scene): Promise<LeasedTask> {
  const task = await losesLease(scene)
  const worker = { workerId: 'worker-2', nodeId: null, session: false }
  await scene.claimOne({ queues: [task.queue], worker })
  return task
}

async function changesNothing(scene: Scene, taskId: string, attempt: () => Promise<void>): Promise<void> {
  const before = [await scene.find(taskId), await scene.events(taskId)]
  await attempt()
  assert.deepEqual([await scene.find(taskId), await scene.events(taskId)], before)
}
