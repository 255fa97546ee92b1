import assert from 'node:assert/strict'
import {
  type LeasedTask,
  POISON_ATTEMPTS,
  POISON_CRASHES,
  poisonedError,
  SUSPECT_CRASHES,
  type WorkerRef,
} from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, idsOf, only, succeeded, type TestBed, workersOf } from '../test-bed.ts'

const SESSION_WORKER: WorkerRef = { workerId: 'watched', nodeId: null, session: true }
const EMBEDDED: WorkerRef = { workerId: 'embedded', nodeId: 'node-1', session: false }

/** Which ends of leases count as crashes, suspects, and quarantine after three. */
export function describeCrashes({ describe, it, itWithoutFaults, capabilities }: Suite): void {
  describe('crashes and quarantine', () => {
    it('quarantines a task whose workers died three times', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) {
        await crashOnce(bed)
        const { status, crashes } = await bed.find(id)
        assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
      }
      const { ended } = await crashOnce(bed)
      assert.equal(ended[0]?.taskStatus, 'failed')
      const { status, error, crashes, finishedAt } = await bed.find(id)
      assert.deepEqual(
        { status, error, crashes, finishedAt },
        {
          status: 'failed',
          error: poisonedError({ loneCrashes: POISON_CRASHES, attempt: POISON_CRASHES }),
          crashes: POISON_CRASHES,
          finishedAt: bed.clock.now(),
        },
      )
      assert.deepEqual(await bed.claim(), [])
    })

    it('quarantines a task whose watched workers are known to have died three times', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await bed.claimOne({ worker: SESSION_WORKER })
        await bed.store.presence.endLeases({ workers: workersOf('watched') })
        assert.equal((await bed.find(id)).crashes, crash)
      }
      assert.equal((await bed.find(id)).error?.code, 'poisoned')
    })

    it('keeps counting crashes over ordinary failures in between', async (bed) => {
      const id = await bed.submit()
      await crashOnce(bed)
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 0 }))
      await crashOnce(bed)
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 2_000 }))
      await bed.clock.advance(2_000)
      assert.equal((await bed.find(id)).crashes, 2)
      await crashOnce(bed)
      assert.equal((await bed.find(id)).status, 'failed')
    })

    it('begins to count anew after a retry', async (bed) => {
      const id = await bed.submit()
      for (let crash = 0; crash < POISON_CRASHES; crash++) await crashOnce(bed)
      await bed.retry(id)
      await crashOnce(bed)
      const { status, crashes } = await bed.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
    })

    it('does not count a failure as a crash', async (bed) => {
      const id = await bed.submit()
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal((await bed.find(id)).crashes, 0)
    })

    for (const worker of [SESSION_WORKER, EMBEDDED]) {
      it(`does not take a worker that stood still for dead (${worker.workerId})`, async (bed) => {
        const id = await bed.submit({ maxAttempts: 2 })
        for (let attempt = 1; attempt <= 5; attempt++) {
          assert.equal((await bed.claimOne({ worker, leaseMs: 1_000 })).attempt, attempt)
          await bed.clock.advance(1_000)
          assert.equal(only((await bed.sweep()).ended).reason, 'expired')
          const { status, crashes } = await bed.find(id)
          assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 0 })
        }
      })
    }

    it('gives a task up whose leases run out again and again', async (bed) => {
      const id = await bed.submit({ maxAttempts: 2 })
      for (let attempt = 1; attempt <= POISON_ATTEMPTS; attempt++) {
        assert.equal((await bed.find(id)).status, 'queued')
        await bed.claimOne({ worker: SESSION_WORKER, leaseMs: 1_000 })
        await bed.clock.advance(1_000)
        await bed.sweep()
      }
      const { status, error } = await bed.find(id)
      assert.deepEqual(
        { status, error },
        { status: 'failed', error: poisonedError({ loneCrashes: 0, attempt: POISON_ATTEMPTS }) },
      )
    })

    it('never gives a task up for what brought its worker down beside it', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      for (let crash = 1; crash <= SUSPECT_CRASHES; crash++) {
        assert.equal((await bed.claim({ worker: SESSION_WORKER })).length, ids.length)
        await bed.store.presence.endLeases({ workers: workersOf('watched') })
      }
      const alone = await claimEach(bed, ids.length)
      for (const id of ids) {
        const { status, crashes } = await bed.find(id)
        assert.deepEqual({ status, crashes }, { status: 'running', crashes: SUSPECT_CRASHES })
      }
      await bed.store.presence.endLeases({ workers: workersOf(...alone.map(({ workerId }) => workerId)) })
      assert.deepEqual(await statuses(bed, ids), ['queued', 'queued', 'queued'])
    })

    it('takes none for alone whose worker left others that ended before', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        // Of a worker that nobody watches and that dies, one lease ends after the other.
        const neighbour = await bed.start({}, { leaseMs: 1_000 })
        await bed.claimOne({ leaseMs: 2_000 })
        for (const taskId of [neighbour.id, id]) {
          await bed.clock.advance(1_000)
          assert.equal(only((await bed.sweep()).ended).taskId, taskId)
        }
        await bed.cancel(neighbour.id)
      }
      const { status, crashes } = await bed.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: POISON_CRASHES })
    })

    it('takes none for alone whose watched worker let others run out before it was known to be dead', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const neighbour = await bed.start({}, { worker: SESSION_WORKER, leaseMs: 1_000 })
        await bed.claimOne({ worker: SESSION_WORKER })
        await bed.clock.advance(1_000)
        assert.equal(only((await bed.sweep()).ended).taskId, neighbour.id)
        await bed.store.presence.endLeases({ workers: workersOf('watched') })
        await bed.cancel(neighbour.id)
      }
      assert.equal((await bed.find(id)).status, 'queued')
    })

    itWithoutFaults('takes none for alone of a worker whose leases end over several sweeps', async (bed) => {
      for (let task = 0; task < 3; task++) await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const held = await claimOneByOne(bed, 3)
        await bed.clock.advance(1_000)
        for (const _ of held) only((await bed.sweep({ limit: 1 })).ended)
        assert.deepEqual(await statuses(bed, idsOf(held)), ['queued', 'queued', 'queued'])
      }
    })

    it('does not count the company of one lease for the next', async (bed) => {
      const id = await bed.submit()
      const neighbour = await bed.start({}, { leaseMs: 1_000 })
      await bed.claimOne({ leaseMs: 2_000 })
      await bed.clock.advance(2_000)
      await bed.sweep()
      await bed.cancel(neighbour.id)
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        assert.equal((await bed.find(id)).status, 'queued')
        await crashOnce(bed)
      }
      assert.equal((await bed.find(id)).status, 'failed')
    })

    it('counts no company for a lease that begins after others have ended', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const ending = await bed.start({}, { leaseMs: 1_000 })
        const going = await bed.start()
        await bed.clock.advance(1_000)
        assert.equal(only((await bed.sweep()).ended).taskId, ending.id)
        if (!capabilities.ordersWithinMillisecond) await bed.clock.advance(1)
        await bed.claimOne({ leaseMs: 1_000 })
        await bed.settle(going, succeeded())
        await bed.cancel(ending.id)
        await bed.clock.advance(1_000)
        await bed.sweep()
      }
      assert.equal((await bed.find(id)).status, 'failed')
    })

    itWithoutFaults('takes none for alone of the many leases of a dead worker', async (bed) => {
      const id = await bed.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) await crashOnce(bed)
      await bed.claimOne({ worker: SESSION_WORKER, leaseMs: 60_000 })
      await bed.enqueue([Array.from({ length: 1_000 }, () => bed.newTask({ queue: 'many' }))])
      await bed.claim({ queues: ['many'], worker: SESSION_WORKER, limit: 1_000 })
      assert.equal((await bed.store.presence.endLeases({ workers: workersOf('watched') })).length, 1_001)
      const { status, crashes } = await bed.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: POISON_CRASHES })
    })

    it('counts only leases of the same worker as beside each other', async (bed) => {
      const ids = [await bed.submit(), await bed.submit()]
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const workers = await claimEach(bed, ids.length)
        await bed.store.presence.endLeases({ workers: workersOf(...workers.map(({ workerId }) => workerId)) })
      }
      assert.deepEqual(await statuses(bed, ids), ['failed', 'failed'])
    })

    it('hands a suspect out alone, and what is before it without it', async (bed) => {
      const suspect = await bed.submit()
      for (let crash = 0; crash < SUSPECT_CRASHES; crash++) await crashOnce(bed)
      const before = await bed.submit({ priority: 1 })
      const behind = await bed.submit({ priority: -1 })
      assert.deepEqual(idsOf(await bed.claim({ limit: 10 })), [before])
      const held = only(await bed.claim({ limit: 10 }))
      assert.equal(held.id, suspect)
      assert.deepEqual(idsOf(await bed.claim({ limit: 10 })), [behind])
      await bed.settle(held, succeeded())
      assert.equal((await bed.find(suspect)).status, 'succeeded')
    })

    it('hands suspects out one at a time', async (bed) => {
      const ids = [await bed.submit(), await bed.submit()]
      for (let crash = 0; crash < SUSPECT_CRASHES; crash++) {
        await bed.claim({ worker: SESSION_WORKER })
        await bed.store.presence.endLeases({ workers: workersOf('watched') })
      }
      const given = [await bed.claim(), await bed.claim(), await bed.claim()]
      assert.deepEqual(
        given.map((tasks) => tasks.length),
        [1, 1, 0],
      )
      assert.deepEqual(new Set(idsOf(given.flat())), new Set(ids))
    })
  })
}

async function crashOnce(bed: TestBed) {
  await bed.claimOne({ leaseMs: 1_000 })
  await bed.clock.advance(1_000)
  return bed.sweep()
}

/** Leases of one worker that nobody watches, claimed one by one, because suspects are. */
async function claimOneByOne(bed: TestBed, count: number): Promise<readonly LeasedTask[]> {
  const held: LeasedTask[] = []
  while (held.length < count) held.push(await bed.claimOne({ leaseMs: 1_000 }))
  return held
}

/** Tasks to workers, one each. */
async function claimEach(bed: TestBed, count: number): Promise<readonly WorkerRef[]> {
  const workers = Array.from({ length: count }, (_, n) => ({ ...SESSION_WORKER, workerId: `alone-${n}` }))
  for (const worker of workers) await bed.claimOne({ worker })
  return workers
}

function statuses(bed: TestBed, ids: readonly string[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async (id) => (await bed.find(id)).status))
}
