import assert from 'node:assert/strict'
import { type LeasedTask, type LeaseRef, POISON_CRASHES, poisonedError, type WorkerRef } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, leaseRef, released, type TestBed, workersOf } from '../test-bed.ts'

const SESSION_WORKER: WorkerRef = { workerId: 'watched', nodeId: null, session: true }

/** Crashes that stop counting because the worker comes back. */
export function describeCrashesTakenBack({ describe, it }: Suite): void {
  describe('crashes of which the worker comes back', () => {
    it('count against no task, whatever became of it meanwhile', async (bed) => {
      const id = await bed.submit({ maxAttempts: 10 })
      for (let crash = 1; crash <= POISON_CRASHES + 1; crash++) {
        const lost = await crashWatched(bed)
        // Once while it waits, once while it waits for its time, and then while it runs again.
        const next = crash === 1 ? null : await bed.claimOne()
        if (crash === 2) await bed.settle(next as LeasedTask, failed({ retryDelayMs: 1_000 }))
        await takeBack(bed, lost)
        if (crash === 2) await bed.clock.advance(1_000)
        else if (next !== null) await bed.settle(next, released)
        const { status, crashes } = await bed.find(id)
        assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
      }
    })

    it('are taken back once, and no others with them', async (bed) => {
      const id = await bed.submit()
      const first = await crashWatched(bed)
      await crashWatched(bed)
      await takeBack(bed, first, first)
      await takeBack(bed, first, { ...first, token: first.token + 100 })
      await crashWatched(bed)
      assert.equal((await bed.find(id)).status, 'queued')
      await crashWatched(bed)
      const { status, error } = await bed.find(id)
      const why = poisonedError({ loneCrashes: POISON_CRASHES, attempt: 4 })
      assert.deepEqual({ status, error }, { status: 'failed', error: why })
    })

    it('are taken back of the leases alone that counted', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) await crashWatched(bed)
      const stoodStill = await bed.claimOne({ worker: SESSION_WORKER, leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      await bed.sweep()
      const settled = await bed.claimOne()
      await bed.settle(settled, failed({ retryDelayMs: 0 }))
      const held = await bed.claimOne({ worker: SESSION_WORKER })
      await takeBack(bed, ...[stoodStill, settled, held].map(leaseRef), { taskId: 'none', token: 1 })
      await bed.store.presence.endLeases({ workers: workersOf('watched') })
      assert.equal((await bed.find(id)).status, 'failed')
    })

    it('are taken back of many tasks at once, by their ids', async (bed) => {
      const ids = [await bed.submit(), await bed.submit()]
      for (let crash = 1; crash < POISON_CRASHES; crash++) {
        const [lost] = await crashEach(bed, ids)
        if (crash === 1) await takeBack(bed, lost as LeaseRef)
      }
      await crashEach(bed, ids)
      const ended = await Promise.all(ids.map((id) => bed.find(id)))
      assert.deepEqual(
        ended.map(({ status }) => status),
        ['queued', 'failed'],
      )
    })

    it('leave a task that was given up as it is, and count for nothing after its retry', async (bed) => {
      const id = await bed.submit()
      const lost: LeaseRef[] = []
      for (let crash = 1; crash <= POISON_CRASHES; crash++) lost.push(await crashWatched(bed))
      await takeBack(bed, ...lost.slice(0, 2))
      assert.equal((await bed.find(id)).status, 'failed')
      await bed.retry(id)
      await takeBack(bed, ...lost)
      for (let crash = 1; crash <= POISON_CRASHES; crash++) await crashWatched(bed)
      assert.equal((await bed.find(id)).status, 'failed')
    })

    it('are taken back of a worker too that nobody watched', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const held = await bed.claimOne({ leaseMs: 1_000 })
        await bed.clock.advance(1_000)
        await bed.sweep()
        await takeBack(bed, leaseRef(held))
      }
      assert.equal((await bed.find(id)).status, 'queued')
    })
  })
}

/** A watched worker that runs nothing else is taken for dead. Its lease, which is over. */
async function crashWatched(bed: TestBed): Promise<LeaseRef> {
  const held = await bed.claimOne({ worker: SESSION_WORKER })
  await bed.store.presence.endLeases({ workers: workersOf(SESSION_WORKER.workerId) })
  return leaseRef(held)
}

/** So are the workers of several tasks; their leases in the order of the tasks. */
async function crashEach(bed: TestBed, ids: readonly string[]): Promise<readonly LeaseRef[]> {
  const workers = ids.map((_, n) => ({ ...SESSION_WORKER, workerId: `alone-${n}` }))
  const held: LeaseRef[] = []
  for (const worker of workers) {
    const task = await bed.claimOne({ worker })
    held[ids.indexOf(task.id)] = leaseRef(task)
  }
  await bed.store.presence.endLeases({ workers: workersOf(...workers.map(({ workerId }) => workerId)) })
  return held
}

function takeBack(bed: TestBed, ...leases: readonly LeaseRef[]): Promise<void> {
  return bed.store.presence.takeBackCrashes({ namespace: 'default', leases })
}
